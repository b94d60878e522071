"""Downloads with range requests, conditional requests and digests (RFC 9110, RFC 9530)."""

import base64
import re
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app import errors
from app.database import Record
from app.files.content_disposition import disposition
from app.files.storage import Store

RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")
ANY_BYTES = {"schema": {"type": "string", "format": "binary"}}
# Generators of clients know no range of media types: they use the first.
BINARY: dict[str, Any] = {"application/octet-stream": ANY_BYTES, "*/*": ANY_BYTES}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole content.", "content": BINARY},
    206: {"description": "The byte range that `Range` requests.", "content": BINARY},
    304: {"description": "Not modified: `If-None-Match` names the current ETag."},
}


class RangeNotSatisfiable(errors.Error):
    """The requested range starts after the end of the file."""

    status, code, title = 416, "range_not_satisfiable", "Range Not Satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


def parse_range(header: str, size: int) -> range | None:
    """Parse a `Range` header with one byte range; return None to send the whole content.

    Malformed headers and several ranges are ignored (RFC 9110, section 14.2).

    Args:
        header: the value of `Range`, such as `bytes=0-99`
        size: the bytes of the file

    Raises:
        RangeNotSatisfiable: the range starts after the end of the file.
    """
    match = RANGE.fullmatch(header)
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        raise RangeNotSatisfiable(size)
    return range(start, stop)


def matches_etag(tag: str, header: str) -> bool:
    """Return whether an ETag is in `If-None-Match`, by weak comparison (section 8.8.3.2)."""
    tags = (each.strip().removeprefix("W/") for each in header.split(","))
    return header.strip() == "*" or tag in tags


class DownloadRequest:
    """The method of a download request, and its range and conditional headers."""

    def __init__(
        self,
        request: Request,
        if_none_match: Annotated[str | None, Header()] = None,
        if_range: Annotated[str | None, Header()] = None,
        range_: Annotated[str | None, Header(alias="Range")] = None,
    ) -> None:
        self.has_body = request.method == "GET"  # HEAD ignores `Range` (section 14.2)
        self.if_none_match = if_none_match
        self.range = range_ if self.has_body else None
        self.if_range = if_range

    async def respond(self, file: Record, store: Store) -> Response:
        """Return the content of a file, the requested range, or 304 for an unchanged file.

        The first bytes are read before the response starts, so that a read error sets the status.

        Raises:
            RangeNotSatisfiable: the requested range starts after the end of the file.
            NotFound: the content is missing in the store.
            Unavailable: the store is unavailable.
        """
        tag, size = f'"{file["sha256"]}"', file["size"]
        if self.if_none_match and matches_etag(tag, self.if_none_match):
            return Response(status_code=304, headers=_cache_headers(tag))
        is_current = self.if_range in {None, tag}
        part = parse_range(self.range, size) if self.range and is_current else None
        span = part or range(size)
        headers = _headers(file, tag) | {"Content-Length": str(len(span))}
        if part:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        if not self.has_body:
            return Response(headers=headers)
        chunks = store.read(str(file["id"]), span.start, span.stop)
        first = await anext(chunks, b"")
        return StreamingResponse(_chain(first, chunks), 206 if part else 200, headers)


async def _chain(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for each in rest:
        yield each


def _cache_headers(tag: str) -> dict[str, str]:
    # `no-cache`: content is immutable, but it may be deleted or access revoked, so revalidate.
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


def _headers(file: Record, tag: str) -> dict[str, str]:
    kind = file["content_type"]
    digest = base64.b64encode(bytes.fromhex(file["sha256"])).decode()
    return {
        **_cache_headers(tag),
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(file["name"], kind),
        "Content-Encoding": "identity",  # gzip would change the byte offsets of ranges
        "Content-Type": f"{kind}; charset=utf-8" if kind == "text/plain" else kind,
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Content-Type-Options": "nosniff",
    }


Content = Annotated[DownloadRequest, Depends()]
