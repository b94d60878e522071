"""Structured logging as JSON lines on standard output, with one access log line per request.

Every log line of a request contains the request ID, which is the client's `X-Request-ID` if that is
valid, else a new ID. The response header and problem documents contain the request ID too.
"""

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException
from typing import Any, TextIO
from uuid import uuid4

import orjson
import structlog
from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from app import health, settings

HEADER = "X-Request-ID"
RAW_HEADER = HEADER.lower().encode()
VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

current_request_id: ContextVar[str | None] = ContextVar("current_request_id", default=None)

log = structlog.get_logger()


class Level(settings.Choice):
    """Minimum level of the events that are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(settings.Choice):
    """Format of log lines: JSON for log aggregation, or readable text for a console."""

    JSON = "json"
    CONSOLE = "console"


class LogSettings(settings.EnvironmentSettings):
    """Settings of logs: minimum level and format."""

    model_config = SettingsConfigDict(env_prefix="LOG_")

    level: Level = Field(Level.INFO, description="Set it to debug, info, warning or error.")
    format: Format = Field(Format.JSON, description="Set it to json or console.")


def add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the request ID to a log event."""
    if request_id := current_request_id.get():
        event["request_id"] = request_id
    return event


# Processors of other parts of the service, which are installed after logging is configured.
EXTRA_PROCESSORS: list[Callable[[WrappedLogger, str, EventDict], EventDict]] = []


def run_extra_processors(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Apply the processors in `EXTRA_PROCESSORS` to a log event.

    Other modules of the service register them.
    """
    for processor in EXTRA_PROCESSORS:
        event = processor(logger, method, event)
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    add_request_id,
    run_extra_processors,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


PROCESSORS: list[Processor] = []  # one list, because loggers keep the list of their first use


class StandardOutput:
    """Output stream that writes to the current `sys.stdout`, which a test may have replaced."""

    def write(self, line: bytes) -> None:
        """Write a line without buffering it."""
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    debug = info = warning = error = critical = exception = write


class StandardOutputHandler(logging.Handler):
    """Handler that writes records of the standard library's logging to `StandardOutput`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as one event."""
        try:
            StandardOutput().write(self.format(record).encode())
        except Exception:  # noqa: BLE001 - as in the handlers of the standard library
            self.handleError(record)


def configure(config: LogSettings) -> None:
    """Configure structlog, and the standard library's logging, which libraries use."""
    level = getattr(logging, config.level.upper())
    renderers = _json() if config.format is Format.JSON else _console()
    PROCESSORS[:] = [*SHARED, *renderers]
    structlog.configure(
        processors=PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: StandardOutput(),
        cache_logger_on_first_use=True,
    )
    handler = StandardOutputHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *renderers,
                _text,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)


def _text(_logger: WrappedLogger, _method: str, line: Any) -> str:  # noqa: ANN401
    return str(line, "utf-8")


def _json() -> list[Processor]:
    def write(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
        return orjson.dumps(event, default=repr)

    return [structlog.processors.format_exc_info, write]


def _console() -> list[Processor]:
    write = structlog.dev.ConsoleRenderer(
        colors=has_colors(),
        exception_formatter=write_short_traceback,
    )
    return [lambda logger, method, event: write(logger, method, event).encode()]


def has_colors() -> bool:
    """Return whether standard output is a terminal, and `NO_COLOR` is not set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def write_short_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
    """Write a traceback with the service's own frames, and the frame that raised the exception.

    Causes and members of exception groups are included. A note counts the omitted frames.
    """
    main = TracebackException(*exc_info, compact=True)
    related, omitted = [main], 0
    for error in related:  # the list grows
        related += filter(None, (error.__cause__, error.__context__, *(error.exceptions or ())))
        last = error.stack[-1:] if error is main else []
        shown = [frame for frame in error.stack if _is_own(frame) or frame in last]
        omitted += len(error.stack) - len(shown)
        error.stack = StackSummary.from_list(shown)
    if omitted:
        note = f"[{omitted} frames of packages and middleware omitted; LOG_FORMAT=json logs them]"
        main.__notes__ = [*(main.__notes__ or ()), note]
    stream.write("\n" + "".join(main.format()).rstrip("\n"))


def _is_own(frame: FrameSummary) -> bool:
    """Return whether a frame is the service's, except calls of the next ASGI application."""
    path = Path(frame.filename)
    is_installed = "site-packages" in path.parts
    calls_next = "(scope, " in (frame.line or "")
    return path.is_relative_to(settings.ROOT) and not is_installed and not calls_next


def client_address(connection: HTTPConnection) -> str:
    """Return the client's IPv4 address, or the /64 network of the client's IPv6 address."""
    host = connection.client.host if connection.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))


class RequestLog:
    """Middleware that sets the request ID, and writes one access log line per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log a request's method, path, status and duration once its response is complete."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = choose_request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        header = (RAW_HEADER, request_id.encode())
        status = 500
        start = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        token = current_request_id.set(request_id)
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _log_request(scope, status, time.perf_counter() - start)
            current_request_id.reset(token)


def choose_request_id(scope: Scope) -> str:
    """Return the client's request ID if it is valid, else a new one (against log injection)."""
    header = dict(scope["headers"]).get(RAW_HEADER, b"").decode("latin-1")
    return header if VALID_ID.fullmatch(header) else uuid4().hex


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    write = log.debug if health.is_probe(scope) else log.info
    client: tuple[Any, ...] = scope.get("client") or ("",)
    caller = {name: value for name, value in scope["state"].items() if name == "caller"}
    write(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        duration_ms=round(seconds * 1000, 2),
        client=client[0],
        **caller,  # the authenticated user, if there is one
    )


def install(_app: FastAPI) -> None:
    """Configure logging from the settings."""
    configure(settings.read(LogSettings))
