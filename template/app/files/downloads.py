"""Files on their way out: all of one, a part, or the word that nothing has changed (RFC 9110)."""

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
CONTENT: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it.", "content": CONTENT},
    206: {"description": "The part that `Range` asks for.", "content": CONTENT},
    304: {"description": "What `If-None-Match` names is still the same."},
}


class RangeNotSatisfiable(errors.Error):
    """There is nothing of the file where the range begins."""

    status, code, title = 416, "range_not_satisfiable", "Range Not Satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The file has {size} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


def parse_range(header: str, size: int) -> range | None:
    """Read the one range of bytes that is asked for; None where all is, or what is no range.

    Several ranges are answered with all of it (RFC 9110, section 14.2).

    Raises:
        RangeNotSatisfiable: nothing of the file lies in it.
    """
    found = RANGE.fullmatch(header)
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        raise RangeNotSatisfiable(size)
    return range(start, stop)


def matches_etag(tag: str, header: str) -> bool:
    """Say whether a tag is one of those that a header names, weak ones too (section 8.8.3.2)."""
    named = (each.strip().removeprefix("W/") for each in header.split(","))
    return header.strip() == "*" or tag in named


class DownloadRequest:
    """What a request wants of a file's content."""

    def __init__(
        self,
        request: Request,
        if_none_match: Annotated[str | None, Header()] = None,
        if_range: Annotated[str | None, Header()] = None,
        range_: Annotated[str | None, Header(alias="Range")] = None,
    ) -> None:
        self.is_all = request.method == "GET"  # a HEAD asks for no part, and gets none
        self.known = if_none_match
        self.range = range_ if request.method == "GET" else None
        self.range_of = if_range

    async def of(self, file: Record, store: Store) -> Response:
        """Answer, once the first bytes are there, so that an error can still be told.

        Raises:
            RangeNotSatisfiable: nothing of the file lies in the range that is asked for.
            Error: the content is gone, or the store does not answer.
        """
        tag, size = f'"{file["sha256"]}"', file["size"]
        if self.known and matches_etag(tag, self.known):
            return Response(status_code=304, headers=_validators(tag))
        is_same = self.range_of in {None, tag}
        asked = parse_range(self.range, size) if self.range and is_same else None
        found = asked or range(size)
        headers = _headers(file, tag) | {"Content-Length": str(len(found))}
        if asked:
            headers["Content-Range"] = f"bytes {asked.start}-{asked.stop - 1}/{size}"
        if not self.is_all:
            return Response(headers=headers)
        parts = store.read(str(file["id"]), found.start, found.stop)
        first = await anext(parts, b"")
        return StreamingResponse(_all(first, parts), 206 if asked else 200, headers)


async def _all(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for each in rest:
        yield each


def _validators(tag: str) -> dict[str, str]:
    # It never changes, but may be gone, or no longer for whoever asks: so they ask.
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


def _headers(file: Record, tag: str) -> dict[str, str]:
    kind = file["content_type"]
    digest = base64.b64encode(bytes.fromhex(file["sha256"])).decode()
    return {
        **_validators(tag),
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(file["name"], kind),
        "Content-Encoding": "identity",  # compressed, its bytes would not be those that are counted
        "Content-Type": f"{kind}; charset=utf-8" if kind == "text/plain" else kind,
        "Repr-Digest": f"sha-256=:{digest}:",
        "X-Content-Type-Options": "nosniff",
    }


Content = Annotated[DownloadRequest, Depends()]
