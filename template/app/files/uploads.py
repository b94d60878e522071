"""Uploads: size, SHA-256 and media type are computed while the body streams into the store.

`app.middleware.BodyLimit` limits the length of a body. A body is read only as fast as the store
takes it (backpressure), and never held in memory as a whole.
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
from app.files.media_types import HEAD_SIZE, sniff
from app.files.storage import STORE
from app.schemas.file import FileName

BUFFER_SIZE = 1 << 18  # bytes that are read before content is stored: most files are shorter
DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):\s*(?:,|$)")

assert BUFFER_SIZE > HEAD_SIZE  # noqa: S101 - of constants


class UnsupportedType(errors.Error):
    """The media type of the content is not allowed."""

    status, code, title = 415, "unsupported_type", "Unsupported Media Type"


class DigestMismatch(BadRequest):
    """The content does not match its digest: it was damaged in transit."""

    code = "digest_mismatch"


class Incoming:
    """One file that is being uploaded; its metadata is complete once all content has been read."""

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
        self.is_complete = False
        self._hash = hashlib.sha256()
        self._chunks = self._hashed(stream)

    @property
    def sha256(self) -> str:
        """The hexadecimal digest of the content read so far."""
        return self._hash.hexdigest()

    async def head(self) -> bytes:
        """Read the first `BUFFER_SIZE` bytes, and detect the media type.

        Raises:
            UnsupportedType: the media type is not allowed.
        """
        buffer = bytearray()
        async for chunk in self._chunks:
            buffer += chunk
            if len(buffer) >= BUFFER_SIZE:
                break
        self.content_type = sniff(bytes(buffer[:HEAD_SIZE]))
        if not any(fnmatchcase(self.content_type, pattern) for pattern in self.types):
            allowed = ", ".join(self.types)
            message = f"Unsupported file type: {self.content_type}. Allowed: {allowed}."
            raise UnsupportedType(message)
        return bytes(buffer)

    async def after(self, head: bytes) -> AsyncGenerator[bytes, None]:
        """Yield the whole content: the first bytes again, then the rest of the stream."""
        yield head
        async for chunk in self._chunks:
            yield chunk

    async def _hashed(self, stream: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            self.size += len(chunk)
            self._hash.update(chunk)
            yield chunk
        if self.expected and not hmac.compare_digest(self.expected, self._hash.digest()):
            message = "Digest mismatch: the content does not match Content-Digest."
            raise DigestMismatch(message)
        self.is_complete = True


def parse_digest(header: str | None) -> bytes | None:
    """Return the SHA-256 in `Content-Digest` (RFC 9530); None if it has no SHA-256.

    Raises:
        BadRequest: the digest is not valid Base64.
    """
    match = DIGEST.search(header or "")
    if match is None:
        return None
    try:
        return base64.b64decode(match[1], validate=True)
    except binascii.Error:
        message = "Content-Digest: the SHA-256 must be valid Base64."
        raise BadRequest(message) from None


async def read_body(request: Request) -> AsyncGenerator[bytes, None]:
    """Yield the chunks of a request's body.

    Raises:
        BadRequest: the client disconnected.
    """
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect:
        message = "The client disconnected before the end of the body."
        raise BadRequest(message) from None


async def upload(
    request: Request,
    name: Annotated[FileName, Query(description="Name of the file.")],
    content_digest: Annotated[
        str | None, Header(description="SHA-256 of the content (RFC 9530), which is verified.")
    ] = None,
) -> Incoming:
    """Return the file whose content is the request's body."""
    types = STORE.get(request.app).config.types
    return Incoming(name, read_body(request), types, parse_digest(content_digest))


Upload = Annotated[Incoming, Depends(upload)]
