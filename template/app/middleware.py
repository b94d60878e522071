"""What a request passes on its way in: allowed origins, trusted hosts, a bounded body."""

import re

from fastapi import FastAPI
from pydantic import Field, NonNegativeInt, PositiveInt
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors, health, logging, settings

PORT = re.compile(r":\d+$")


class MiddlewareSettings(settings.EnvironmentSettings):
    """Who may call, under which name, and how much they may send."""

    cors_origins: settings.Strings = Field(
        (), description="Set it to origins, as in https://a.org."
    )
    trusted_hosts: settings.Strings = Field(
        ("*",), description="Set it to host names; *.example.com stands for all below it."
    )
    body_limit: PositiveInt = Field(1 << 20, description="Set it to a number of bytes.")
    gzip_from: NonNegativeInt = Field(1024, description="Set it to a number of bytes; 0 for never.")


class BodyLimit:
    """Refuses bodies over the limit: by the length they declare, or as they come."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes of the body as they come."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit():
            self._check(int(declared))
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            self._check(size)
            return message

        await self.app(scope, counted, send)

    def _check(self, size: int) -> None:
        if size > self.limit:
            raise errors.ContentTooLarge(f"A body may have {self.limit} bytes.")


class TrustedHosts:
    """Refuses requests for host names that are not this service's; probes know only an address."""

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...]) -> None:
        self.app = app
        self.exact = {host.lower() for host in hosts}
        self.below = tuple(host[1:].lower() for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compare the Host header, without its port."""
        if scope["type"] in {"http", "websocket"} and not scope["path"].startswith(health.PROBES):
            host = Headers(scope=scope).get("host", "").lower()
            name = PORT.sub("", host)
            if name not in self.exact and not name.endswith(self.below):
                message = "This service does not answer to that host name."
                raise errors.UntrustedHost(message)
        await self.app(scope, receive, send)


def install(app: FastAPI) -> None:
    """Stand before the service; what is added last meets a request first."""
    chosen = settings.read(MiddlewareSettings)
    app.add_middleware(BodyLimit, limit=chosen.body_limit)
    if chosen.gzip_from:
        app.add_middleware(GZipMiddleware, minimum_size=chosen.gzip_from, compresslevel=5)
    if "*" not in chosen.trusted_hosts:
        app.add_middleware(TrustedHosts, hosts=chosen.trusted_hosts)
    app.add_middleware(errors.Problems)
    if chosen.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=chosen.cors_origins,
            allow_credentials="*" not in chosen.cors_origins,
            allow_methods=errors.METHODS,
            allow_headers=["Authorization", "Content-Type", logging.HEADER],
            expose_headers=["Link", "Location", logging.HEADER],
        )
    app.add_middleware(logging.RequestLog)
