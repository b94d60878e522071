"""Responses to requests that exceed a limit of the server, before they reach the application."""

from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from app.errors import MEDIA_TYPE, Problem
from app.middleware import HEADERS


class Refusal:
    """A problem document that is sent as the last response of a connection.

    It is an ASGI application. `encode` returns the same response for a request without a complete
    head, for which uvicorn calls no application.
    """

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        self.status = status
        code = status.name.lower()
        problem = Problem(title=status.phrase, status=status, detail=detail, code=code)
        self.body = problem.model_dump_json(exclude_none=True).encode()
        fields = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(self.body)),
            "connection": "close",
            **headers,
        }
        self.headers = [
            *((name.encode(), value.encode()) for name, value in fields.items()),
            *HEADERS,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the problem document."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    def encode(self) -> bytes:
        """Return the response as bytes."""
        head = [f"HTTP/1.1 {self.status.value} {self.status.phrase}".encode()]
        head += [b"%b: %b" % header for header in self.headers]
        return b"\r\n".join([*head, b"", self.body])


HEADERS_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The request's headers are too large or too many; see HEADER_LIMIT and HEADER_COUNT_LIMIT.",
)
TIMED_OUT = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "The request was not received in time; see HEADER_TIMEOUT and BODY_TIMEOUT.",
)
TOO_MANY_CONNECTIONS = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "The service has too many connections; see CONNECTION_LIMIT. Retry later.",
    **{"retry-after": "1"},
)
