"""Several files in one body (RFC 7578), one after the other, and none held as a whole."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

from fastapi import Depends
from pydantic import TypeAdapter, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from app.errors import BadRequest, Invalid
from app.files.storage import STORE
from app.files.uploads import Incoming, UnsupportedType, body
from app.schemas.file import FileName

MOST = 100  # files

Headers = dict[bytes, bytes]
Event = Headers | bytes | None  # what begins a part, what is of its content, and its end

_names: TypeAdapter[str] = TypeAdapter(FileName)


class MultipartReader:
    """The parts of a body: the headers of each, and its content, to be read before the next."""

    def __init__(self, stream: AsyncIterator[bytes], boundary: bytes) -> None:
        self.stream = stream
        self.events: deque[Event] = deque()
        self.is_over = False
        self._headers: Headers = {}
        self._name = self._value = b""
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._add_name,
                "on_header_value": self._add_value,
                "on_header_end": self._keep,
                "on_headers_finished": lambda: self.events.append(self._headers),
                "on_part_data": lambda data, start, end: self.events.append(data[start:end]),
                "on_part_end": lambda: self.events.append(None),
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._headers = {}

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _keep(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _end(self) -> None:
        self.is_over = True

    async def _next(self) -> Event:
        """Give what comes next.

        Raises:
            BadRequest: nothing does, or it is not as it should be.
        """
        try:
            while not self.events and not self.is_over:
                self.parser.write(await anext(self.stream))
        except (FormParserError, StopAsyncIteration):
            message = "The body is no multipart/form-data, or ends early."
            raise BadRequest(message) from None
        return self.events.popleft() if self.events else None

    async def _content(self) -> AsyncGenerator[bytes, None]:
        while isinstance(event := await self._next(), bytes):
            yield event

    async def __aiter__(self) -> AsyncGenerator[tuple[Headers, AsyncIterator[bytes]], None]:
        """Give each part as it begins."""
        while self.events or not self.is_over:
            event = await self._next()
            if isinstance(event, dict):
                yield event, self._content()


def file_name(headers: Headers) -> str:
    """Read what a file is called.

    Raises:
        Invalid: it has no name, or none that is taken.
    """
    _, options = parse_options_header(headers.get(b"content-disposition", b""))
    try:
        return _names.validate_python(options.get(b"filename", b"").decode())
    except (UnicodeDecodeError, ValidationError):
        message = "A part is no file, or its name is none that is taken."
        raise Invalid(message) from None


async def uploads(request: Request) -> AsyncIterator[Incoming]:
    """Take each part of the body for a file.

    Raises:
        UnsupportedType: the body is no multipart/form-data.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        message = "Several files come as multipart/form-data."
        raise UnsupportedType(message)
    try:
        parts = MultipartReader(body(request), options[b"boundary"])
    except FormParserError:
        message = "The boundary of the parts is none."
        raise BadRequest(message) from None
    return _each(parts, STORE.get(request.app).config.types)


async def _each(parts: MultipartReader, types: tuple[str, ...]) -> AsyncGenerator[Incoming, None]:
    number = 0
    async for headers, content in parts:
        number += 1
        if number > MOST:
            message = f"There are more than {MOST} files."
            raise Invalid(message)
        yield Incoming(file_name(headers), content, types)
    if not number:
        message = "There is no file."
        raise Invalid(message)


Uploads = Annotated[AsyncIterator[Incoming], Depends(uploads)]
