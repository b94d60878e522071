"""Logs: one line of JSON for everything that happens, one of them per request.

Each line of a request carries its id: the client's `X-Request-ID` where that is sound, else a new
one. The same id stands in the response's header and in every problem document.
"""

import logging
import re
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from enum import StrEnum
from typing import Any
from uuid import uuid4

import orjson
import structlog
from fastapi import FastAPI
from pydantic import Field
from pydantic_settings import SettingsConfigDict
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor, WrappedLogger

from app import health, settings

HEADER = "X-Request-ID"
NAME = HEADER.lower().encode()
SOUND = re.compile(r"[A-Za-z0-9._-]{1,128}")

# The id of the request that is being answered.
current_request: ContextVar[str | None] = ContextVar("current_request", default=None)

log = structlog.get_logger()


class Level(StrEnum):
    """From which level on something is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """For whom the lines are written: machines or people."""

    JSON = "json"
    CONSOLE = "console"


class LogSettings(settings.EnvironmentSettings):
    """How much is logged, and in which form."""

    model_config = SettingsConfigDict(env_prefix="LOG_")

    level: Level = Field(Level.INFO, description="Set it to debug, info, warning or error.")
    format: Format = Field(Format.JSON, description="Set it to json or console.")


def name_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the id of the request to a line."""
    if request_id := current_request.get():
        event["request_id"] = request_id
    return event


# What parts of the service add to every line, or do with it.
ADDED: list[Callable[[WrappedLogger, str, EventDict], EventDict]] = []


def add(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hand a line to the parts of the service that asked for it."""
    for added in ADDED:
        event = added(logger, method, event)
    return event


SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    name_request,
    add,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class StandardOutput:
    """Writes lines to the standard output of the moment, which a test may have replaced."""

    def write(self, line: bytes) -> None:
        """Write a line, at once."""
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    debug = info = warning = error = critical = exception = write


def configure(config: LogSettings) -> None:
    """Send the service's lines, and those of the libraries, to the standard output."""
    level = getattr(logging, config.level.upper())
    rendered = _json() if config.format is Format.JSON else _console()
    structlog.configure(
        processors=[*SHARED, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: StandardOutput(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *rendered,
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
    write = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [lambda logger, method, event: write(logger, method, event).encode()]


class RequestLog:
    """Gives every request its id, and writes one line when it has been answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and tell how: method, path, status and milliseconds."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = identify(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        header = (NAME, request_id.encode())
        status = 500
        begun = time.perf_counter()

        async def identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        token = current_request.set(request_id)
        try:
            await self.app(scope, receive, identified)
        finally:
            _tell(scope, status, time.perf_counter() - begun)
            current_request.reset(token)


def identify(scope: Scope) -> str:
    """Give the request's id: its own, where it could not forge a line of the log."""
    claimed = dict(scope["headers"]).get(NAME, b"").decode("latin-1")
    return claimed if SOUND.fullmatch(claimed) else uuid4().hex


def _tell(scope: Scope, status: int, seconds: float) -> None:
    tell = log.debug if scope["path"].startswith(health.PROBES) else log.info
    client: tuple[Any, ...] = scope.get("client") or ("",)
    tell(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        duration_ms=round(seconds * 1000, 2),
        client=client[0],
    )


def install(_app: FastAPI) -> None:
    """Set up the process's logs; `RequestLog`, in `middleware`, writes the lines of requests."""
    configure(settings.read(LogSettings))
