"""Files, as they are shown."""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.pagination import Paging
from app.schemas.base import Line, ReadSchema, Schema

# What no name has: control characters, lone surrogates, ends of lines, and what turns text around.
REFUSED = {"Cc", "Cs", "Zl", "Zp"}
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(value: str) -> str:
    """Refuse characters that do something instead of being shown."""
    if TURNING.intersection(value) or REFUSED.intersection(map(unicodedata.category, value)):
        message = "It holds a control character."
        raise ValueError(message)
    return value


# A name is shown, and nothing else: no path is made of it.
FileName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    AfterValidator(printable),
]
FileSort = Literal["created_at", "-created_at", "name", "-name", "size", "-size"]


class FileRead(ReadSchema):
    """A file, without its content."""

    id: UUID
    name: str
    content_type: str = Field(description="What its content says that it is.")
    size: int = Field(description="In bytes.")
    sha256: str
    created_at: datetime


class FileLink(ReadSchema):
    """A link by which anybody may have a file's content for a while."""

    url: str
    expires_at: datetime


class FileFilter(Schema):
    """Which files are meant; without a word, all."""

    search: Annotated[Line, Field(max_length=120)] | None = None


class FileQuery(FileFilter, Paging):
    """Which files are meant, in which order, and which page of them."""

    sort: FileSort = "created_at"
