"""The store of files: a directory, memory, or a bucket, as its URL says."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import obstore
import structlog
from fastapi import APIRouter, Depends, FastAPI
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store, from_url
from pydantic import AfterValidator, Field, PositiveInt, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app import settings
from app.after_commit import after_commit
from app.errors import NotFound, Unavailable
from app.files.content_disposition import disposition
from app.settings import Environment
from app.state import StateKey

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

    from app.files.uploads import Incoming

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMES = ("file:///", "memory://", "s3://", "gs://", "az://")
PART = 5 << 20  # bytes of content that are sent at a time: S3 takes no fewer, but at the end
AT_ONCE = 2  # parts of one file that are on their way
READ = 1 << 20  # bytes of content that are held of a file on its way out
LINKED = timedelta(minutes=15)  # for which a link is good
GRACE = 5.0  # seconds that the last deletions have when the process stops
# An outage is told soon; a part has a minute. Plain HTTP is for an endpoint whose URL says so.
CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "timeout": "60s"}
RETRY: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
# Whatever is known, but what browsers run (HTML, XML and with it SVG), and what nobody knows.
TYPES = ("application/gzip", "application/pdf", "application/zip", "audio/*", "font/*", "image/*")

log = structlog.get_logger()


def parse_url(value: str) -> str:
    """Refuse what is no URL of a store, without repeating it."""
    if not value.startswith(SCHEMES):
        message = "It is not a URL of a store"
        raise ValueError(message)
    return value


class FilesSettings(settings.EnvironmentSettings):
    """Where files are kept, and which are taken."""

    model_config = SettingsConfigDict(env_prefix="FILES_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    url: Annotated[str, AfterValidator(parse_url)] | None = Field(
        None,
        validate_default=True,
        description="Set it to file:///srv/files, s3://bucket/prefix, gs://… or az://….",
    )
    limit: PositiveInt = Field(100 << 20, description="Set it to a number of bytes.")
    types: settings.Strings = Field(
        (*TYPES, "text/plain", "video/*"),
        description="Set it to types, as in image/*,application/pdf; * for any.",
    )

    @validator("url")
    @classmethod
    def kept(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse production without a store, and with one that forgets."""
        if info.data.get("environment") is Environment.PRODUCTION:
            if value is None:
                message = "It is missing"
                raise ValueError(message)
            if value.startswith("memory:"):
                message = "Memory keeps nothing"
                raise ValueError(message)
        return value

    @property
    def place(self) -> str:
        """The store's URL: in development a directory of the checkout, in tests memory."""
        if self.environment is Environment.TEST:
            return self.url or "memory://"
        return self.url or (ROOT / ".dev" / "files").as_uri()


def open_store(config: FilesSettings) -> "ObjectStore":
    """Open the store; nobody is asked yet whether a bucket is there.

    Raises:
        ConfigurationError: the directory cannot be made, or something about the bucket is missing.
    """
    try:
        if config.place.startswith("file:"):
            return from_url(config.place, mkdir=True)
        return from_url(config.place, client_options=CLIENT, retry_config=RETRY)
    except (BaseError, OSError, ValueError) as error:
        message = (
            f"FILES_URL: its store cannot be opened ({_first_line(error)}). Set what it lacks."
        )
        raise settings.ConfigurationError(message) from None


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]


@contextmanager
def told() -> Generator[None, None, None]:
    """Tell what the store says as an error of the service's.

    Raises:
        Unavailable: the store does not answer, or not as it should.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        log.warning("the store of files does not answer", reason=_first_line(error))
        message = "The store of files does not answer."
        raise Unavailable(message) from error


@dataclass
class Store:
    """The objects that files' content is kept in, each under the key of its row."""

    inner: "ObjectStore"
    config: FilesSettings
    leaving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def signs(self) -> bool:
        """Whether it gives links that are good for whoever has them."""
        return isinstance(self.inner, S3Store | GCSStore | AzureStore)

    async def put(self, key: str, incoming: "Incoming") -> None:
        """Store content as it comes; all of it, or nothing.

        Raises:
            Error: the content is refused, or ends early.
            Unavailable: the store does not take it.
        """
        head = await incoming.head()
        # A bucket's links lead past this service, so that these headers have to be kept with it.
        attributes = {
            "Content-Type": incoming.content_type,
            "Content-Disposition": disposition(incoming.name, incoming.content_type),
        }
        put = partial(
            obstore.put_async,
            self.inner,
            key,
            attributes=attributes if self.signs else None,
            chunk_size=PART,
            max_concurrency=AT_ONCE,
        )
        with told():
            if incoming.is_over:
                await put(head, use_multipart=False)
            else:
                await put(incoming.after(head))

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Read content from one byte to before another, a little at a time.

        Raises:
            NotFound: there is none.
            Unavailable: the store does not answer.
        """
        for begin in range(start, stop, READ):
            with told():
                part = await self._part(key, begin, min(begin + READ, stop))
            yield part

    async def _part(self, key: str, start: int, stop: int) -> bytes:
        try:
            return bytes(await obstore.get_range_async(self.inner, key, start=start, end=stop))
        except FileNotFoundError as error:
            message = "Its content is gone."
            raise NotFound(message) from error

    async def link(self, key: str) -> str:
        """Sign a URL by which content can be had for a while.

        Raises:
            Unavailable: whoever signs does not answer.
        """
        assert isinstance(self.inner, S3Store | GCSStore | AzureStore)  # noqa: S101 - see `signs`
        with told():
            return await obstore.sign_async(self.inner, "GET", key, LINKED)

    def remove(self, key: str, session: AsyncSession) -> None:
        """Delete content once the session's transaction is committed; not if it is rolled back."""
        after_commit(session, partial(self.discard, key))

    def discard(self, *keys: str) -> None:
        """Delete content in the background; what stays all the same is collected some day."""
        task = asyncio.create_task(self._discard(keys))
        self.leaving.add(task)
        task.add_done_callback(self.leaving.discard)

    async def _discard(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            try:
                await asyncio.to_thread(obstore.delete, self.inner, key)
            except FileNotFoundError:
                pass
            except (BaseError, OSError) as error:
                log.warning("content is left over", key=key, reason=_first_line(error))


STORE = StateKey[Store]("files")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """When the service stops, give deletions a moment yet."""
    yield
    store = STORE.get(app)
    if store.leaving:
        await asyncio.wait(store.leaving, timeout=GRACE)


async def files(connection: HTTPConnection) -> Store:
    """Give the store."""
    return STORE.get(connection.app)


Files = Annotated[Store, Depends(files)]


def install(app: FastAPI, config: FilesSettings) -> None:
    """Give the service its store."""
    STORE.set(app, Store(open_store(config), config))
    app.include_router(APIRouter(lifespan=lifespan))
