"""Streaming parser of multipart/form-data uploads with several files (RFC 7578).

Parts are read one after the other, so no file is held in memory as a whole.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import Depends
from pydantic import TypeAdapter, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from app.errors import BadRequest, Invalid
from app.files.incoming import Incoming, UnsupportedType
from app.files.storage import STORE
from app.files.uploads import read_body
from app.schemas.file import FileName

MAX_FILES = 100  # files in one request

Headers = dict[bytes, bytes]
Event = Headers | bytes | None  # the headers of a part, a chunk of its content, and its end

_file_name: TypeAdapter[str] = TypeAdapter(FileName)


class MultipartReader:
    """Yields the headers and content of each part.

    The content of a part must be read before the next part.
    """

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self.stream = stream
        self.events: deque[Event] = deque()
        self.is_complete = False
        self._headers: Headers = {}
        self._name = self._value = b""
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_name,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": lambda: self.events.append(self._headers),
                "on_part_data": lambda data, start, end: self.events.append(data[start:end]),
                "on_part_end": lambda: self.events.append(None),
                "on_end": self._end,
            },
        )

    def _begin_part(self) -> None:
        self._headers = {}

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _end(self) -> None:
        self.is_complete = True

    async def _next(self) -> Event:
        """Return the parser's next event.

        Raises:
            BadRequest: the body is malformed or ends early.
        """
        try:
            while not self.events and not self.is_complete:
                self.parser.write(await anext(self.stream))
        except (FormParserError, StopAsyncIteration):
            message = "Malformed or truncated multipart/form-data body."
            raise BadRequest(message) from None
        return self.events.popleft() if self.events else None

    async def _content(self) -> AsyncGenerator[bytes, None]:
        while isinstance(event := await self._next(), bytes):
            yield event

    async def __aiter__(self) -> AsyncGenerator[tuple[Headers, AsyncIterator[bytes]], None]:
        """Yield the headers and the content of each part of the body."""
        while self.events or not self.is_complete:
            event = await self._next()
            if isinstance(event, dict):
                yield event, self._content()


def file_name(headers: Headers) -> str:
    """Return the file name in the `Content-Disposition` header of a part.

    Raises:
        Invalid: the name is missing or invalid.
    """
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    try:
        return _file_name.validate_python(options.get(b"filename", b"").decode())
    except (UnicodeDecodeError, ValidationError):
        message = "Each part must be a file with a valid name."
        raise Invalid(message) from None


async def uploads(request: Request) -> AsyncIterator[Incoming]:
    """Return an iterator over the files of a multipart/form-data body.

    Raises:
        UnsupportedType: the body is not multipart/form-data.
        BadRequest: the boundary is invalid.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        message = "Content-Type must be multipart/form-data with a boundary."
        raise UnsupportedType(message)
    try:
        parts = MultipartReader(read_body(request), options[b"boundary"])
    except FormParserError:
        message = "Invalid multipart boundary."
        raise BadRequest(message) from None
    return _each(parts, STORE.get(request.app).config.types)


async def _each(parts: MultipartReader, types: tuple[str, ...]) -> AsyncGenerator[Incoming, None]:
    count = 0
    async for headers, content in parts:
        count += 1
        if count > MAX_FILES:
            message = f"Too many files. The limit is {MAX_FILES} per request."
            raise Invalid(message)
        yield Incoming(file_name(headers), content, types)
    if not count:
        message = "The request contains no file."
        raise Invalid(message)


Uploads = Annotated[AsyncIterator[Incoming], Depends(uploads)]
