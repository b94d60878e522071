"""Content of an upload, whose size, SHA-256 and media type are computed while it streams.

A body is read only as fast as the store takes it (backpressure), and is never held in memory.
"""

import hashlib
import hmac
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from fnmatch import fnmatchcase

from app import errors
from app.errors import BadRequest
from app.files.media_types import HEAD_SIZE, sniff

BUFFER_SIZE = 1 << 18  # bytes that are read before content is stored: most files are shorter

assert BUFFER_SIZE > HEAD_SIZE  # noqa: S101 - of constants


class UnsupportedType(errors.Error):
    """The file's media type is not allowed."""

    status, code, title = 415, "unsupported_type", "Unsupported Media Type"


class DigestMismatch(BadRequest):
    """The content does not match its digest, so it was damaged in transit."""

    code = "digest_mismatch"


class Incoming:
    """A file that is being uploaded.

    Its metadata is complete once all content has been read.
    """

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
        """The hexadecimal SHA-256 of the content read so far."""
        return self._hash.hexdigest()

    async def head(self) -> bytes:
        """Read the first `BUFFER_SIZE` bytes and detect the media type from them.

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
        """Yield the bytes that were already read, then the rest of the stream."""
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
