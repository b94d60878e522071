"""Object store of file contents: a local directory, memory, or a bucket (S3, GCS, Azure)."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

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
from app.files.incoming import Incoming
from app.settings import Environment
from app.state import StateKey

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMES = ("file:///", "memory://", "s3://", "gs://", "az://")
DIRECTORY_MODE, FILE_MODE = 0o700, 0o600  # for the user of the service only
PART_SIZE = 5 << 20  # bytes of a part of a multipart upload: the minimum of S3
CONCURRENT_PARTS = 2  # parts of one upload that are sent concurrently
READ_SIZE = 1 << 20  # bytes of a download that are held in memory
LINK_LIFETIME = timedelta(minutes=15)  # presigned URLs expire after this time
GRACE = 5.0  # seconds to finish pending deletions at shutdown
# A short connect timeout detects an outage; `allow_http` permits endpoints without TLS.
CLIENT: "ClientConfig" = {"allow_http": True, "connect_timeout": "5s", "timeout": "60s"}
RETRY: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
# Without the types that browsers execute (HTML, XML, SVG), and without unknown binary content.
TYPES = ("application/gzip", "application/pdf", "application/zip", "audio/*", "font/*", "image/*")

log = structlog.get_logger()


def parse_url(value: str) -> str:
    """Validate the form of a URL; the error omits the URL, which may contain a secret."""
    scheme, separator, rest = value.partition("://")
    url = f"{scheme.lower()}{separator}{rest}"
    if not url.startswith(SCHEMES) or url.rstrip("/") in {"s3:", "gs:", "az:"}:
        message = "It is not a URL of a bucket or a directory"
        raise ValueError(message)
    if not url.startswith("file:") and any(mark in rest for mark in "?#@"):
        message = "Its endpoint, region and keys are variables, such as AWS_ENDPOINT_URL"
        raise ValueError(message)
    return url


class FilesSettings(settings.EnvironmentSettings):
    """Settings of the object store, and the limits of uploads."""

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
        description="Set it to media types, as in image/*,application/pdf; * allows all.",
    )

    @validator("url")
    @classmethod
    def require_persistent_store(cls, value: str | None, info: ValidationInfo) -> str | None:
        """In production, require a store whose files survive a restart."""
        if info.data.get("environment") is Environment.PRODUCTION:
            if value is None:
                message = "It is missing"
                raise ValueError(message)
            if value.startswith("memory:"):
                message = "It is not persistent: memory:// loses all files at a restart"
                raise ValueError(message)
        return value

    def connections(self) -> Mapping[str, settings.Probe]:
        """Return a function that lists objects of the store."""
        return {"url": partial(list_objects, self)}

    @property
    def store_url(self) -> str:
        """The store's URL; by default a directory of the checkout, or memory in tests."""
        if self.environment is Environment.TEST:
            return self.url or "memory://"
        return self.url or (ROOT / ".dev" / "files").as_uri()

    @property
    def directory(self) -> Path | None:
        """The directory of the files, or None if they are not in a directory."""
        url = urlsplit(self.store_url)
        return Path(unquote(url.path)) if url.scheme == "file" else None


def open_store(config: FilesSettings) -> "ObjectStore":
    """Open the object store without sending a request.

    A missing bucket causes an error only at the first upload.

    Raises:
        ConfigurationError: the directory cannot be created, or a setting of the bucket is missing.
    """
    try:
        if directory := config.directory:
            directory.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
            return from_url(config.store_url)
        return from_url(config.store_url, client_options=CLIENT, retry_config=RETRY)
    except (BaseError, OSError, ValueError) as error:
        message = (
            f"FILES_URL: cannot open the object store ({_first_line(error)}). "
            "Correct the URL or the bucket's settings."
        )
        raise settings.ConfigurationError(message) from None


async def list_objects(config: FilesSettings) -> None:
    """List the first objects of the store; raise its errors."""
    async for _ in obstore.list(open_store(config), chunk_size=1):
        break


def _first_line(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0]


@contextmanager
def translate_errors() -> Generator[None, None, None]:
    """Convert errors of the object store to `Unavailable`, and log them.

    Raises:
        Unavailable: the store is unavailable, or rejects a request.
    """
    try:
        yield
    except (BaseError, OSError) as error:
        log.warning("object_store_unavailable", reason=_first_line(error))
        message = "The object store is unavailable. Retry later."
        raise Unavailable(message) from error


@dataclass
class Store:
    """Store of file contents, under the ID of each file's row."""

    inner: "ObjectStore"
    config: FilesSettings
    deletions: set[asyncio.Task[None]] = field(default_factory=set)  # in progress

    @property
    def signs(self) -> bool:
        """Whether the store can presign URLs, which only buckets can."""
        return isinstance(self.inner, S3Store | GCSStore | AzureStore)

    async def put(self, key: str, incoming: Incoming) -> None:
        """Stream content into the store.

        A failed upload stores nothing.

        Long content is a multipart upload.

        Raises:
            UnsupportedType: the media type is not allowed.
            BadRequest: the digest does not match, or the client disconnected.
            ContentTooLarge: the body is longer than `FILES_LIMIT`.
            Unavailable: the store is unavailable.
        """
        head = await incoming.head()
        # Presigned URLs bypass this service, so the bucket must send these headers itself.
        attributes = {
            "Content-Type": incoming.content_type,
            "Content-Disposition": disposition(incoming.name, incoming.content_type),
        }
        put = partial(
            obstore.put_async,
            self.inner,
            key,
            attributes=attributes if self.signs else None,
            chunk_size=PART_SIZE,
            max_concurrency=CONCURRENT_PARTS,
        )
        with translate_errors():
            if incoming.is_complete:
                await put(head, use_multipart=False)
            else:
                await put(incoming.after(head))
            if directory := self.config.directory:
                await asyncio.to_thread(_restrict, directory / key)

    async def read(self, key: str, start: int, stop: int) -> AsyncGenerator[bytes, None]:
        """Yield the content from byte `start` up to byte `stop` in chunks of `READ_SIZE`.

        Raises:
            NotFound: the content is missing.
            Unavailable: the store is unavailable.
        """
        for begin in range(start, stop, READ_SIZE):
            with translate_errors():
                chunk = await self._chunk(key, begin, min(begin + READ_SIZE, stop))
            yield chunk

    async def _chunk(self, key: str, start: int, stop: int) -> bytes:
        try:
            return bytes(await obstore.get_range_async(self.inner, key, start=start, end=stop))
        except FileNotFoundError as error:
            message = "The content of this file is missing in the object store."
            raise NotFound(message) from error

    async def link(self, key: str) -> str:
        """Return a presigned URL of the content that expires after `LINK_LIFETIME`.

        Raises:
            Unavailable: the service that signs the URL is unavailable.
        """
        assert isinstance(self.inner, S3Store | GCSStore | AzureStore)  # noqa: S101 - see `signs`
        with translate_errors():
            return await obstore.sign_async(self.inner, "GET", key, LINK_LIFETIME)

    def remove(self, key: str, session: AsyncSession) -> None:
        """Delete content after the session commits, and not after a rollback."""
        after_commit(session, partial(self.discard, key))

    def discard(self, *keys: str) -> None:
        """Delete content in the background.

        If the deletion fails, `app collect-files` deletes the content later.
        """
        task = asyncio.create_task(self._discard(keys))
        self.deletions.add(task)
        task.add_done_callback(self.deletions.discard)

    async def _discard(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            try:
                await asyncio.to_thread(obstore.delete, self.inner, key)
            except FileNotFoundError:
                pass
            except (BaseError, OSError) as error:
                log.warning("object_deletion_failed", key=key, reason=_first_line(error))


def _restrict(path: Path) -> None:
    """Let only the owner read a file, unless the file system of a volume has no modes."""
    with suppress(PermissionError):
        path.chmod(FILE_MODE)


STORE = StateKey[Store]("files")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Wait at shutdown for pending deletions, for at most `GRACE` seconds."""
    yield
    store = STORE.get(app)
    if store.deletions:
        await asyncio.wait(store.deletions, timeout=GRACE)


async def files(connection: HTTPConnection) -> Store:
    """Return the object store (a dependency)."""
    return STORE.get(connection.app)


Files = Annotated[Store, Depends(files)]


def install(app: FastAPI, config: FilesSettings) -> None:
    """Open the object store, and finish its pending deletions at shutdown."""
    STORE.set(app, Store(open_store(config), config))
    app.include_router(APIRouter(lifespan=lifespan))
