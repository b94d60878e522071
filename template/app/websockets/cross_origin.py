"""Pages of other origins: a browser lets any page open a WebSocket, and CORS does not hold it."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from app.errors import Forbidden


def check_origin(connection: HTTPConnection, allowed: Sequence[str]) -> None:
    """Let nobody listen from a page that is neither of this host nor of an allowed origin.

    Raises:
        Forbidden: somebody does.
    """
    origin = connection.headers.get("origin")
    own = connection.headers.get("host", "").lower()
    if origin is None or "*" in allowed or origin in allowed or urlsplit(origin).netloc == own:
        return
    message = "This page may not listen; its origin is not among those that may call."
    raise Forbidden(message)
