"""In-memory e-mail queue: background workers send over SMTP, with retries and backoff.

A killed process loses its queued e-mails. The feature `email_jobs` stores them in the database
instead.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
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
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app import settings
from app.after_commit import after_commit
from app.email import preview
from app.email.message import InvalidAddressError, Mail, compose, parse_address
from app.settings import Environment
from app.state import StateKey

MAX_QUEUED = 1000  # e-mails; further ones are dropped
WORKERS = 4  # SMTP connections at a time
RETRY_DELAYS = (1.0, 10.0, 60.0)  # seconds before each retry
PERMANENT_FAILURE = 500  # the first reply code of permanent errors (RFC 5321, section 4.2.1)
GRACE = 5.0  # seconds to send queued e-mails on shutdown
PORTS = {"smtp": 587, "smtps": 465}
LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost"}  # no network in between: plain text is safe

log = structlog.get_logger()


def parse_server_url(value: object) -> URL:
    """Parse the URL of an SMTP server.

    Error messages omit the URL, since it may contain a password.
    """
    url = settings.parse_url(value)
    if url.drivername not in PORTS or not url.host:
        message = "It is not an smtp:// or smtps:// URL"
        raise ValueError(message)
    settings.reject_parameters(url, ("tls",))
    if url.query.get("tls", "off") != "off":
        message = "Its parameter tls is not off"
        raise ValueError(message)
    if url.password and not is_encrypted(url) and url.host not in LOCAL_HOSTS:
        message = "tls=off would send the password unencrypted"
        raise ValueError(message)
    return url


def is_encrypted(url: URL) -> bool:
    """Return whether the connection uses TLS: implicit TLS (`smtps`) or STARTTLS."""
    return url.query.get("tls") != "off"


def validate_address(value: str) -> str:
    """Return an e-mail address if it is valid, else raise an error."""
    parse_address(value)
    return value


class EmailSettings(settings.EnvironmentSettings):
    """Settings of e-mail: the SMTP server, the sender address, the timeout."""

    model_config = SettingsConfigDict(env_prefix="EMAIL_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    url: Annotated[URL, PlainValidator(parse_server_url)] | None = Field(
        None,
        repr=False,
        validate_default=True,
        description="Set it to smtp://user:password@host:587.",
    )
    sender: Annotated[str, AfterValidator(validate_address)] = Field(
        "App <app@localhost>", description="Set it to an address, such as Shop <shop@example.com>."
    )
    timeout: PositiveFloat = Field(10, description="Set it to a number of seconds.")

    @validator("url")
    @classmethod
    def require_in_production(cls, value: URL | None, info: ValidationInfo) -> URL | None:
        """Require an SMTP server in production.

        Without an SMTP server, development shows a preview page.
        """
        if value is None and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value

    def connections(self) -> Mapping[str, settings.Probe]:
        """Return a function that signs in at the SMTP server, if its URL is set."""
        return {} if self.url is None else {"url": partial(sign_in, self, self.url)}


class EmailQueue:
    """In-memory queue of e-mails that this process has yet to send."""

    def __init__(self, config: EmailSettings) -> None:
        self.config = config
        self.waiting: asyncio.Queue[EmailMessage] = asyncio.Queue(MAX_QUEUED)
        self.preview = preview.Preview()

    def send(self, mail: Mail, session: AsyncSession | None = None) -> None:
        """Render an e-mail, and queue it for the background workers.

        With a session, queue the e-mail after the session commits, and never after a rollback.

        An invalid recipient address is logged, not raised, as if the SMTP server rejected it:
        whether an address in the database is valid must not affect the response.
        """
        try:
            message = compose(mail, self.config.sender)
        except InvalidAddressError as error:
            log.error("email_failed", **_error_fields(error))  # noqa: TRY400 - no traceback
            return
        self.send_message(message, session)

    def send_message(self, message: EmailMessage, session: AsyncSession | None) -> None:
        """Queue a message, after the session commits if there is one."""
        if session is None:
            self.put(message)
        else:
            after_commit(session, partial(self.put, message))

    def put(self, message: EmailMessage) -> None:
        """Queue a message for the background workers; drop it if the queue is full."""
        if self.waiting.full():
            log.error("email_dropped", reason="queue_full", message_id=message["Message-ID"])
        else:
            self.waiting.put_nowait(message)

    async def run_worker(self) -> None:
        """Send queued messages, one at a time, until cancelled."""
        while True:
            message = await self.waiting.get()
            try:
                await self.deliver(message)
            finally:
                self.waiting.task_done()

    async def deliver(self, message: EmailMessage) -> None:
        """Send a message; retry temporary errors after a backoff."""
        message_id = message["Message-ID"]
        for delay in (*RETRY_DELAYS, None):
            error = await self._try_transmit(message)
            if error is None:
                log.info("email_sent", message_id=message_id)
                return
            if delay is None or is_permanent(error):
                log.error("email_failed", message_id=message_id, **_error_fields(error))
                return
            log.warning("email_retry", message_id=message_id, delay=delay, **_error_fields(error))
            await asyncio.sleep(delay)

    async def _try_transmit(self, message: EmailMessage) -> Exception | None:
        """Send a message once; return the SMTP or network error, if any."""
        try:
            await transmit(self.config, message, self.preview)
        except (aiosmtplib.SMTPException, OSError) as error:
            return error
        return None


EMAIL_QUEUE = StateKey[EmailQueue]("mails")


async def transmit(
    config: EmailSettings, message: EmailMessage, mail_preview: preview.Preview
) -> None:
    """Send a message to the SMTP server; without a server, add it to the preview page."""
    url = config.url
    if url is None:
        mail_preview.add(message)
        return
    async with client(config, url) as connection:
        await connection.send_message(message)


async def sign_in(config: EmailSettings, url: URL) -> None:
    """Connect to the SMTP server and sign in; raise its errors."""
    async with client(config, url):
        pass


def client(config: EmailSettings, url: URL) -> aiosmtplib.SMTP:
    """Return a client of the SMTP server, which connects and signs in as a context manager."""
    return aiosmtplib.SMTP(
        hostname=url.host,
        port=url.port or PORTS[url.drivername],
        username=url.username,
        password=url.password,
        use_tls=url.drivername == "smtps",
        start_tls=url.drivername == "smtp" and is_encrypted(url),
        local_hostname=socket.gethostname(),  # the default does a blocking DNS query
        timeout=config.timeout,
    )


def is_permanent(error: Exception) -> bool:
    """Return whether the server rejected the message permanently (5xx)."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(map(is_permanent, error.recipients))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code >= PERMANENT_FAILURE
    return False


def _error_fields(error: Exception) -> dict[str, object]:
    """Return the error's type and SMTP reply code.

    The error's text is omitted, since it may contain the e-mail address.
    """
    code = getattr(error, "code", None)
    return {"error": type(error).__name__, **({"code": code} if code else {})}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Run the workers; at shutdown, send the queued e-mails for at most `GRACE` seconds."""
    queue = EMAIL_QUEUE.get(app)
    workers = [asyncio.create_task(queue.run_worker()) for _ in range(WORKERS)]
    yield
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await queue.waiting.join()
    if count := queue.waiting.qsize():
        log.error("emails_dropped", reason="shutdown", count=count)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)


async def email_queue(connection: HTTPConnection) -> EmailQueue:
    """Return the e-mail queue of this process."""
    return EMAIL_QUEUE.get(connection.app)


Mails = Annotated[EmailQueue, Depends(email_queue)]


def set_queue(app: FastAPI, queue: EmailQueue) -> None:
    """Install an e-mail queue, and the preview of its e-mails."""
    EMAIL_QUEUE.set(app, queue)
    preview.PREVIEW.set(app, queue.preview)


def install(app: FastAPI) -> None:
    """Install the queue and its workers; in development without a server, add the preview page."""
    config = settings.read(EmailSettings)
    set_queue(app, EmailQueue(config))
    app.include_router(APIRouter(lifespan=lifespan))
    if config.url is None and config.environment is Environment.DEVELOPMENT:
        app.include_router(preview.router)
