"""ETag middleware: conditional requests with If-None-Match, and 304 Not Modified (RFC 9110)."""

import re
from hashlib import blake2b
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import health
from app.cache.invalidation import TableVersions

# The opaque tag without `W/`: If-None-Match uses weak comparison.
OPAQUE_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')
CONTENT_HEADERS = ("content-length", "content-type")  # headers that a 304 omits


class ETagMiddleware:
    """Middleware that adds an ETag to a response, or replaces the response by 304 Not Modified."""

    def __init__(self, app: ASGIApp, versions: TableVersions, gzip_from: int) -> None:
        self.app, self.versions, self.gzip_from = app, versions, gzip_from

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, and add an ETag to a JSON response to GET or HEAD."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held: Message | None = None  # the start of a response whose body is not known yet
        is_read = scope["method"] in {"GET", "HEAD"} and not health.is_probe(scope)

        async def send_tagged(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start":
                await self.versions.wait_until_published()
                if is_read and is_taggable(message):
                    held = message
                    return
            if held is not None:
                start, held = held, None
                if not message.get("more_body"):  # a streamed response gets no ETag
                    message = self.tag(Headers(scope=scope), start, message)
                await send(start)
            await send(message)

        await self.app(scope, receive, send_tagged)

    def tag(self, request_headers: Headers, start: Message, message: Message) -> Message:
        """Add the ETag to the response.

        If the client already has this version of the content, respond 304 without content.

        Args:
            request_headers: headers of the request
            start: the start of the response, changed in place
            message: the body of the response

        Returns:
            the body to send
        """
        body = message.get("body", b"")
        tag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
        headers = MutableHeaders(scope=start)
        headers["ETag"] = f"W/{tag}" if self.is_compressed(request_headers, body) else tag
        # The response depends on the caller: only private caches store it, and revalidate it.
        headers.setdefault("Cache-Control", "private, no-cache")  # `app.middleware` adds `Vary`
        if not matches(request_headers.getlist("if-none-match"), tag):
            return message
        start["status"] = HTTPStatus.NOT_MODIFIED.value
        for name in CONTENT_HEADERS:
            del headers[name]
        return {**message, "body": b""}

    def is_compressed(self, request_headers: Headers, body: bytes) -> bool:
        """Return whether the body will be compressed, which requires a weak ETag."""
        accepted = "gzip" in request_headers.get("accept-encoding", "")
        return accepted and 0 < self.gzip_from <= len(body)


def is_taggable(start: Message) -> bool:
    """Return whether a response is successful, contains JSON and sets no cookie.

    Only such a response gets an ETag.
    """
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == HTTPStatus.OK
        and headers.get("content-type", "").startswith("application/json")
        and not {"etag", "set-cookie"} & set(headers)
        and "no-store" not in headers.get("cache-control", "")
    )


def matches(if_none_match: list[str], tag: str) -> bool:
    """Return whether a tag is in If-None-Match, by weak comparison (RFC 9110, section 13.1.2)."""
    return any(value.strip() == "*" or tag in OPAQUE_TAG.findall(value) for value in if_none_match)
