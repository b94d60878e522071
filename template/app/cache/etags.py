"""What every answer passes: others know of what it changed, and it has a tag (RFC 9110, 8.8.3)."""

import re
from hashlib import blake2b
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import health
from app.cache.invalidation import TableVersions

TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')  # what `W/` stands before is compared without it
OF_CONTENT = ("content-length", "content-type")  # headers that an answer without content leaves out


class ETagMiddleware:
    """Holds an answer back until others know what changed, and answers 304 to whoever has it."""

    def __init__(self, app: ASGIApp, generations: TableVersions, gzip_from: int) -> None:
        self.app, self.generations, self.gzip_from = app, generations, gzip_from

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started: Message | None = None
        is_read = scope["method"] == "GET" and not scope["path"].startswith(health.PROBES)

        async def settled(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                await self.generations.settle()
                if is_read and is_tagged(message):
                    started = message
                    return
            if started is not None:
                start, started = started, None
                if not message.get("more_body"):
                    message = self.validated(Headers(scope=scope), start, message)
                await send(start)
            await send(message)

        await self.app(scope, receive, settled)

    def validated(self, asked: Headers, start: Message, message: Message) -> Message:
        """Tag an answer; leave out its content where whoever asks has it."""
        body = message.get("body", b"")
        tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
        headers = MutableHeaders(scope=start)
        headers["ETag"] = f"W/{tag}" if self.is_compressed(asked, body) else tag
        # Whose answer it is depends on who asks: only they keep it, and ask each time.
        headers.setdefault("Cache-Control", "private, no-cache")
        headers.add_vary_header("Authorization")
        if not is_known(asked.getlist("if-none-match"), tag):
            return message
        start["status"] = HTTPStatus.NOT_MODIFIED.value
        for name in OF_CONTENT:
            del headers[name]
        return {**message, "body": b""}

    def is_compressed(self, asked: Headers, body: bytes) -> bool:
        """Say whether the content is compressed on its way, so that the tag is no longer exact."""
        accepted = "gzip" in asked.get("accept-encoding", "")
        return accepted and 0 < self.gzip_from <= len(body)


def is_tagged(start: Message) -> bool:
    """Say whether an answer may get a tag: JSON of a success, that sets no cookie."""
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == HTTPStatus.OK
        and headers.get("content-type", "").startswith("application/json")
        and not {"etag", "set-cookie"} & set(headers)
        and "no-store" not in headers.get("cache-control", "")
    )


def is_known(given: list[str], tag: str) -> bool:
    """Compare a tag with those of an If-None-Match (RFC 9110, section 13.1.2), which are weak."""
    return any(value.strip() == "*" or tag in TAG.findall(value) for value in given)
