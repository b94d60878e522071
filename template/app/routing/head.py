"""HEAD requests, which routes of GET answer without content (RFC 9110, section 9.3.2).

Starlette's routes accept HEAD along with GET, but FastAPI's do not.
"""

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class ResponseComplete(Exception):  # noqa: N818 - it is not an error
    """The headers are sent, so that a stream need not send its content."""


class HeadRequests:
    """Middleware that sends the headers of the response to GET, and no content.

    A stream ends at its first part, and releases its database connection. A route of its own for
    HEAD takes precedence.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a HEAD request as a GET request."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or _has_route(scope):
            await self.app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body"})
            elif message.get("more_body"):
                raise ResponseComplete

        try:
            await self.app({**scope, "method": "GET"}, receive, send_headers)
        except* ResponseComplete:
            pass


def _has_route(scope: Scope) -> bool:
    routes = scope["app"].router.routes
    return any(route.matches({**scope})[0] is Match.FULL for route in routes)
