"""What a request passes on its way in, and an answer on its way out.

In: allowed origins, trusted hosts, a bounded body. Out: headers that tell browsers what not to do.
"""

import re

from fastapi import FastAPI
from pydantic import Field, NonNegativeInt, PositiveInt
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors, health, logging, settings

PORT = re.compile(r":\d+$")
# An answer of an API is data: nobody shows it in a frame, takes it for a script, or loads by it.
HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),  # a page that CORS allows is not held by it
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


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
    hsts_seconds: NonNegativeInt = Field(
        31_536_000, description="Set it to a number of seconds; 0 for never."
    )


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


class SecurityHeaders:
    """Adds `HEADERS` to every answer; where a route has set one itself, that one stays."""

    def __init__(self, app: ASGIApp, hsts_seconds: int) -> None:
        self.app = app
        hsts = f"max-age={hsts_seconds}; includeSubDomains".encode()
        secure = ((b"strict-transport-security", hsts),) if hsts_seconds else ()
        self.added = {"http": HEADERS, "https": (*HEADERS, *secure)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; over https, tell browsers to come by nothing else (RFC 6797)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        added = self.added.get(scope["scheme"], HEADERS)

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                names = {name for name, _ in own}
                message["headers"] = [*own, *(header for header in added if header[0] not in names)]
            await send(message)

        await self.app(scope, receive, secured)


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
    app.add_middleware(SecurityHeaders, hsts_seconds=chosen.hsts_seconds)
    app.add_middleware(logging.RequestLog)
