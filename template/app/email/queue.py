"""The way out: mails wait in this process, and are tried again while their server is away.

They wait in memory: those that the process has not sent when it is killed are lost.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from email.message import EmailMessage
from functools import partial
from typing import Annotated

import aiosmtplib
import structlog
from fastapi import APIRouter, Depends, FastAPI
from pydantic import AfterValidator, Field, PlainValidator, PositiveFloat, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app import settings
from app.after_commit import after_commit
from app.email import preview
from app.email.message import Mail, compose, parse_address
from app.settings import Environment
from app.state import StateKey

WAITING = 1000  # mails; one more is refused
AT_ONCE = 4
PAUSES = (1.0, 10.0, 60.0)  # seconds before each further try
FINAL = 500  # what a server answers from here on, it answers again (RFC 5321, section 4.2.1)
GRACE = 5.0  # seconds that the last ones have when the process stops
PORTS = {"smtp": 587, "smtps": 465}
HERE = {"127.0.0.1", "::1", "localhost"}  # hosts that nobody is on the way to

log = structlog.get_logger()


def server(value: object) -> URL:
    """Read a URL, without repeating it where it is none."""
    try:
        url = make_url(str(value))
    except (ArgumentError, ValueError):
        message = "It is not a URL"
        raise ValueError(message) from None
    if url.drivername not in PORTS or not url.host:
        message = "It is not a URL of a mail server"
        raise ValueError(message)
    if url.password and not is_encrypted(url) and url.host not in HERE:
        message = "A password would travel in the clear"
        raise ValueError(message)
    return url


def is_encrypted(url: URL) -> bool:
    """Say whether what is sent is encrypted: from the start (`smtps`), or by STARTTLS."""
    return url.query.get("tls") != "off"


def one_address(value: str) -> str:
    """Refuse what is no address."""
    parse_address(value)
    return value


class EmailSettings(settings.EnvironmentSettings):
    """Where mails go, and whom they come from."""

    model_config = SettingsConfigDict(env_prefix="EMAIL_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    url: Annotated[URL, PlainValidator(server)] | None = Field(
        None, validate_default=True, description="Set it to smtp://user:password@host:587."
    )
    sender: Annotated[str, AfterValidator(one_address)] = Field(
        "App <app@localhost>", description="Set it to an address, as in Shop <shop@example.com>."
    )
    timeout: PositiveFloat = Field(10, description="Set it to a number of seconds.")

    @validator("url")
    @classmethod
    def given(cls, value: URL | None, info: ValidationInfo) -> URL | None:
        """Refuse production without a server; development shows its mails on a page."""
        if value is None and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value


class EmailQueue:
    """The mails of this process that wait to be sent."""

    def __init__(self, config: EmailSettings) -> None:
        self.config = config
        self.waiting: asyncio.Queue[EmailMessage] = asyncio.Queue(WAITING)
        self.preview = preview.Preview()

    def send(self, mail: Mail, session: AsyncSession | None = None) -> None:
        """Send a mail, once what the session has done is committed; not if it is rolled back."""
        message = compose(mail, self.config.sender)
        if session is None:
            self.put(message)
        else:
            after_commit(session, partial(self.put, message))

    def put(self, message: EmailMessage) -> None:
        """Have a mail sent in the background."""
        if self.waiting.full():
            log.error("a mail is lost: too many wait", mail=message["Message-ID"])
        else:
            self.waiting.put_nowait(message)

    async def work(self) -> None:
        """Send what waits, one after the other."""
        while True:
            message = await self.waiting.get()
            try:
                await self.deliver(message)
            finally:
                self.waiting.task_done()

    async def deliver(self, message: EmailMessage) -> None:
        """Send a mail; try again where that may help."""
        for pause in (*PAUSES, None):
            error = await self._failure(message)
            if error is None:
                log.info("a mail is sent", mail=message["Message-ID"])
                return
            if pause is None or is_final(error):
                log.error("a mail is not sent", mail=message["Message-ID"], **_told(error))
                return
            log.warning("a mail waits", mail=message["Message-ID"], **_told(error))
            await asyncio.sleep(pause)

    async def _failure(self, message: EmailMessage) -> Exception | None:
        try:
            await transmit(self.config, message, self.preview)
        except (aiosmtplib.SMTPException, OSError) as error:
            return error
        return None


EMAIL_QUEUE = StateKey[EmailQueue]("mails")


async def transmit(config: EmailSettings, message: EmailMessage, shown: preview.Preview) -> None:
    """Hand a mail to the server, or show it where there is none."""
    url = config.url
    if url is None:
        shown.add(message)
        return
    await aiosmtplib.send(
        message,
        hostname=url.host,
        port=url.port or PORTS[url.drivername],
        username=url.username,
        password=url.password,
        use_tls=url.drivername == "smtps",
        start_tls=url.drivername == "smtp" and is_encrypted(url),
        local_hostname=socket.gethostname(),  # or a resolver is asked, and the process waits for it
        timeout=config.timeout,
    )


def is_final(error: Exception) -> bool:
    """Say whether the server will not take the mail later either."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(map(is_final, error.recipients))
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= FINAL


def _told(error: Exception) -> dict[str, object]:
    code = getattr(error, "code", None)
    return {"error": type(error).__name__, **({"code": code} if code else {})}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Send mails while the service runs; when it stops, those that wait have a moment yet."""
    outbox = EMAIL_QUEUE.get(app)
    workers = [asyncio.create_task(outbox.work()) for _ in range(AT_ONCE)]
    yield
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await outbox.waiting.join()
    if number := outbox.waiting.qsize():
        log.error("mails are lost: the process stops", number=number)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def email_queue(connection: HTTPConnection) -> EmailQueue:
    """Give the outbox of this process."""
    return EMAIL_QUEUE.get(connection.app)


Mails = Annotated[EmailQueue, Depends(email_queue)]


def set_queue(app: FastAPI, queue: EmailQueue) -> None:
    """Install a queue, and the preview of its e-mails."""
    EMAIL_QUEUE.set(app, queue)
    preview.PREVIEW.set(app, queue.preview)


def install(app: FastAPI) -> None:
    """Give the service its outbox; where there is no server, a page shows what would be sent."""
    config = settings.read(EmailSettings)
    set_queue(app, EmailQueue(config))
    app.include_router(APIRouter(lifespan=lifespan))
    if config.url is None and config.environment is Environment.DEVELOPMENT:
        app.include_router(preview.router)
