"""Files on their way in: counted, summed up and looked at as they come, and never held as a whole.

How long a body may be is the matter of `app.middleware.BodyLimit`.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from fnmatch import fnmatchcase
from typing import Annotated

from fastapi import Depends, Header, Query
from starlette.requests import ClientDisconnect, Request

from app import errors
from app.errors import BadRequest
from app.files.media_types import HEAD, sniff
from app.files.storage import STORE
from app.schemas.file import FileName

FIRST = 1 << 18  # bytes that are taken before content is stored: most files are no longer
DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):\s*(?:,|$)")

assert FIRST > HEAD  # noqa: S101 - of constants


class UnsupportedType(errors.Error):
    """Content is of a type that is not taken."""

    status, code, title = 415, "unsupported_type", "Unsupported Media Type"


class DigestMismatch(BadRequest):
    """Content is not what its digest says: something happened to it on the way."""

    code = "digest_mismatch"


class Incoming:
    """One file on its way in; what is known of it is true once all of it has been read."""

    def __init__(
        self,
        name: str,
        stream: AsyncIterator[bytes],
        types: Sequence[str],
        expected: bytes | None = None,
    ) -> None:
        self.name = name
        self.types = types
        self.expected = expected
        self.content_type = ""
        self.size = 0
        self.is_over = False
        self._sum = hashlib.sha256()
        self._chunks = self._counted(stream)

    @property
    def sha256(self) -> str:
        """The digest of what has been read, as it is kept."""
        return self._sum.hexdigest()

    async def head(self) -> bytes:
        """Read the beginning, or all there is of a short file, and see what it is.

        Raises:
            UnsupportedType: its type is not taken.
        """
        taken = bytearray()
        async for chunk in self._chunks:
            taken += chunk
            if len(taken) >= FIRST:
                break
        self.content_type = sniff(bytes(taken[:HEAD]))
        if not any(fnmatchcase(self.content_type, pattern) for pattern in self.types):
            message = f"Files of the type {self.content_type} are not taken."
            raise UnsupportedType(message)
        return bytes(taken)

    async def after(self, head: bytes) -> AsyncGenerator[bytes, None]:
        """Give the beginning again, and then the rest as it comes."""
        yield head
        async for chunk in self._chunks:
            yield chunk

    async def _counted(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            self.size += len(chunk)
            self._sum.update(chunk)
            yield chunk
        if self.expected and not hmac.compare_digest(self.expected, self._sum.digest()):
            message = "The content is not what its digest says."
            raise DigestMismatch(message)
        self.is_over = True


def parse_digest(header: str | None) -> bytes | None:
    """Read the SHA-256 of a `Content-Digest` (RFC 9530); others stand for nothing here.

    Raises:
        BadRequest: it is none.
    """
    found = DIGEST.search(header or "")
    if found is None:
        return None
    try:
        return base64.b64decode(found[1], validate=True)
    except binascii.Error:
        message = "The digest is not in Base64."
        raise BadRequest(message) from None


async def body(request: Request) -> AsyncGenerator[bytes, None]:
    """Give a request's body as it comes.

    Raises:
        BadRequest: whoever sends it has hung up.
    """
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect:
        message = "The body ended early."
        raise BadRequest(message) from None


async def upload(
    request: Request,
    name: Annotated[FileName, Query(description="What the file is called.")],
    content_digest: Annotated[
        str | None, Header(description="Its SHA-256 (RFC 9530), to be compared.")
    ] = None,
) -> Incoming:
    """Take the body for one file."""
    types = STORE.get(request.app).config.types
    return Incoming(name, body(request), types, parse_digest(content_digest))


Upload = Annotated[Incoming, Depends(upload)]
