"""Request and response schemas of files."""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.pagination import Paging
from app.schemas.base import NFC, Line, ReadSchema, Schema

FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, line separators
# Bidirectional controls disguise extensions: after U+202E, "gpj.exe" reads as "exe.jpg".
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def reject_control_characters(value: str) -> str:
    """Reject control characters in a file name, which could split headers or disguise the name."""
    categories = set(map(unicodedata.category, value))
    if BIDI_CONTROLS.intersection(value) or FORBIDDEN_CATEGORIES.intersection(categories):
        message = "Must not contain control characters."
        raise ValueError(message)
    return value


# Only for display: no path is built from it (path traversal).
FileName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=255),
    AfterValidator(reject_control_characters),
    NFC,
]
FileSort = Literal["created_at", "-created_at", "name", "-name", "size", "-size"]


class FileRead(ReadSchema):
    """Name, media type, size and digest of a stored file."""

    id: UUID
    name: str
    content_type: str = Field(description="Media type, detected from the content (MIME sniffing).")
    size: int = Field(description="Size in bytes.")
    sha256: str
    created_at: datetime


class FileLink(ReadSchema):
    """A presigned URL, which downloads a file without authentication until it expires."""

    url: str
    expires_at: datetime


class FileFilter(Schema):
    """Filters of the list of files; omitted filters match all files."""

    search: Annotated[Line, Field(max_length=120)] | None = None


class FileQuery(FileFilter, Paging):
    """Filters, sort order and page of the list of files."""

    sort: FileSort = "created_at"
