"""Origin check of WebSockets, to which CORS does not apply (cross-site WebSocket hijacking)."""

from collections.abc import Sequence

from starlette.requests import HTTPConnection

from app.errors import Forbidden
from app.middleware import host_of


def check_origin(connection: HTTPConnection, allowed: Sequence[str]) -> None:
    """Reject a page whose origin is neither this host nor an allowed origin.

    Raises:
        Forbidden: the origin is not allowed.
    """
    origin = connection.headers.get("origin")
    host = connection.headers.get("host", "").lower()
    if origin is None or "*" in allowed or origin in allowed or host_of(origin) == host:
        return
    message = "Origin not allowed; see CORS_ORIGINS."
    raise Forbidden(message)
