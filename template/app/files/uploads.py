"""Dependency that reads an uploaded file from the request body.

`app.middleware.BodyLimit` limits the length of a body.
"""

import base64
import binascii
import re
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Header, Query
from starlette.requests import ClientDisconnect, Request

from app.errors import BadRequest
from app.files.incoming import Incoming
from app.files.storage import STORE
from app.schemas.file import FileName

DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):\s*(?:,|$)")


def parse_digest(header: str | None) -> bytes | None:
    """Return the SHA-256 digest in `Content-Digest` (RFC 9530), or None if missing.

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
    """Yield the request body in chunks.

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
    """Return the uploaded file, whose content is the request body."""
    types = STORE.get(request.app).config.types
    return Incoming(name, read_body(request), types, parse_digest(content_digest))


Upload = Annotated[Incoming, Depends(upload)]
