"""What can go wrong, and how HTTP tells it: as a problem document (RFC 9457).

Error                    500  internal_error
├── BadRequest           400  bad_request
│   └── UntrustedHost    400  untrusted_host
├── Unauthenticated      401  unauthenticated
├── Forbidden            403  forbidden
├── NotFound             404  not_found
├── Conflict             409  conflict
├── ContentTooLarge      413  content_too_large
├── Invalid              422  invalid
└── Unavailable          503  unavailable

What the framework raises (404, 405 and so on) is told in the same form; what nobody foresaw
is an internal error, whose words stay in the log.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

log = structlog.get_logger()


class FieldProblem(BaseModel):
    """What is wrong with one part of a request."""

    location: str = Field(examples=["body.price"])
    message: str
    code: str = Field(examples=["greater_than_equal"])


class Problem(BaseModel):
    """A problem document (RFC 9457); `code` is what a program should look at."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    errors: list[FieldProblem] | None = None


class Error(Exception):
    """An error that a client may be told; `detail` is meant for people."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal Server Error"
    headers: Mapping[str, str] = {}  # of the answer; an instance may have its own

    def __init__(self, detail: str, *, errors: Iterable[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class BadRequest(Error):
    """The request cannot be read."""

    status, code, title = 400, "bad_request", "Bad Request"


class UntrustedHost(BadRequest):
    """The request names a host that this service does not answer to."""

    code = "untrusted_host"


class Unauthenticated(Error):
    """The request does not show who calls."""

    status, code, title = 401, "unauthenticated", "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Error):
    """Whoever calls may not do this."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(Error):
    """There is no such thing."""

    status, code, title = 404, "not_found", "Not Found"


class Conflict(Error):
    """What is asked for contradicts what is there."""

    status, code, title = 409, "conflict", "Conflict"


class ContentTooLarge(Error):
    """The request's body is longer than the limit."""

    status, code, title = 413, "content_too_large", "Content Too Large"


class Invalid(Error):
    """The request does not fit its schema."""

    status, code, title = 422, "invalid", "Unprocessable Content"


class Unavailable(Error):
    """Something that the service needs does not answer now."""

    status, code, title = 503, "unavailable", "Service Unavailable"
    headers: Mapping[str, str] = {"Retry-After": "1"}


def problem_response(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer a request with a problem document."""
    problem.request_id = request.scope.get("state", {}).get("request_id")
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, headers, media_type=MEDIA_TYPE)


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer a request with an error of the service's own, and keep any other's words back."""
    if not isinstance(error, Error):
        error = Error("Something went wrong. The log knows more; name the request_id.")
    problem = Problem(
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        errors=error.errors or None,
    )
    return problem_response(request, problem, error.headers)


async def handle_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer a request with an error of the framework's."""
    if isinstance(error.__cause__, Error):  # while a body is read, FastAPI makes a 400 of anything
        return await handle_error(request, error.__cause__)
    phrase = HTTPStatus(error.status_code).phrase
    problem = Problem(
        title=phrase,
        status=error.status_code,
        detail=error.detail,
        code=phrase.lower().replace(" ", "_").replace("-", "_"),
    )
    allowed = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    return problem_response(request, problem, _allowed(request) if allowed else error.headers)


async def handle_validation_error(request: Request, error: RequestValidationError) -> Response:
    """Answer a request that does not fit its schema, without repeating what it held."""
    fields = [
        FieldProblem(
            location=".".join(map(str, problem["loc"])),
            message=problem["msg"],
            code=problem["type"],
        )
        for problem in error.errors()
    ]
    return await handle_error(
        request, Invalid("The request does not fit its schema.", errors=fields)
    )


def _allowed(request: Request) -> dict[str, str]:
    """List the methods that a path answers to (RFC 9110, section 15.5.6)."""
    routes = request.app.router.routes
    methods = [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return {"Allow": ", ".join(methods)}


class ProblemMiddleware:
    """Tells what nothing below it has told, so that every error is a problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a problem where an exception comes up and no answer has begun."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if begun or scope["type"] != "http":
                raise
            if not isinstance(error, Error):
                log.exception("unforeseen")
            response = await handle_error(Request(scope), error)
            await response(scope, receive, send)


def error_responses(*kinds: type[Error]) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route, for its `responses`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        kind.status: {
            "description": kind.title,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for kind in kinds
    }


def install(app: FastAPI) -> None:
    """Have errors told as problem documents; `Problems`, in `middleware`, tells the rest."""
    app.add_exception_handler(Error, handle_error)
    app.add_exception_handler(HTTPException, handle_http_exception)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, handle_validation_error)  # type: ignore[arg-type]
