"""Errors, and the exception handlers that return them as problem details (RFC 9457).

Error                    500  internal_error
├── BadRequest           400  bad_request
│   └── UntrustedHost    400  untrusted_host
├── Unauthenticated      401  unauthenticated
├── Forbidden            403  forbidden
├── NotFound             404  not_found
├── Conflict             409  conflict
├── ContentTooLarge      413  content_too_large
├── Invalid              422  invalid
├── HeadersTooLarge      431  request_header_fields_too_large
└── Unavailable          503  unavailable

Exceptions of the framework (404, 405, …) have the same form. An unhandled exception is logged and
returned as 500 without details.
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

from app.limits.json_depth import JSON_DEPTH
from app.routing.root_path import route_path
from app.schemas import validation_messages

MEDIA_TYPE = "application/problem+json"
MAX_PROBLEMS = 100  # fields per problem document; a body may have thousands of unknown fields
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

log = structlog.get_logger()


class FieldProblem(BaseModel):
    """The problem with one field or parameter of a request."""

    location: str = Field(examples=["body.price"])
    message: str
    code: str = Field(examples=["greater_than_equal"])


class Problem(BaseModel):
    """A problem document (RFC 9457); clients distinguish errors by its `code`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None = None
    errors: list[FieldProblem] | None = None


class Error(Exception):
    """Base class of errors that are returned to the client.

    `detail` is the message for human readers.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal Server Error"
    headers: Mapping[str, str] = {}  # response headers; instances may override them

    def __init__(self, detail: str, *, errors: Iterable[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class BadRequest(Error):
    """The request is malformed."""

    status, code, title = 400, "bad_request", "Bad Request"


class UntrustedHost(BadRequest):
    """The `Host` header is not one of the allowed hosts."""

    code = "untrusted_host"


class Unauthenticated(Error):
    """The request has no credentials, or invalid ones."""

    status, code, title = 401, "unauthenticated", "Unauthorized"
    headers: Mapping[str, str] = {"WWW-Authenticate": "Bearer"}


class Forbidden(Error):
    """The caller lacks the permission for this request."""

    status, code, title = 403, "forbidden", "Forbidden"


class NotFound(Error):
    """The resource does not exist, or the caller may not see it."""

    status, code, title = 404, "not_found", "Not Found"


class Conflict(Error):
    """The request conflicts with existing data, such as a duplicate."""

    status, code, title = 409, "conflict", "Conflict"


class ContentTooLarge(Error):
    """The request body exceeds the size limit."""

    status, code, title = 413, "content_too_large", "Content Too Large"


class Invalid(Error):
    """The request failed validation."""

    status, code, title = 422, "invalid", "Unprocessable Content"


class HeadersTooLarge(Error):
    """The URL and headers exceed the size limit of `app.limits`, which sends this error itself."""

    status = 431
    code, title = "request_header_fields_too_large", "Request Header Fields Too Large"


class Unavailable(Error):
    """A dependency, such as the database, is unavailable; the client may retry the request."""

    status, code, title = 503, "unavailable", "Service Unavailable"
    headers: Mapping[str, str] = {"Retry-After": "1"}


def reason(error: BaseException) -> str:
    """Return the class and message of the cause of an error, such as of an unavailable server."""
    # A timeout of asyncio is caused by a cancellation, and has no message.
    cause = error if isinstance(error, TimeoutError) else error.__cause__ or error
    message = str(cause) or ("no answer in time" if isinstance(cause, TimeoutError) else "")
    return f"{type(cause).__name__}: {message}".removesuffix(": ")


def problem_response(
    request: Request, problem: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a problem document that contains the request ID."""
    problem.request_id = request.scope.get("state", {}).get("request_id")
    content = problem.model_dump_json(exclude_none=True)
    return Response(content, problem.status, headers, media_type=MEDIA_TYPE)


async def handle_error(request: Request, error: Exception) -> Response:
    """Return an error's problem document; other exceptions become 500 without details."""
    if not isinstance(error, Error):
        error = Error("Internal server error. Quote the request_id when you report it.")
    problem = Problem(
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        errors=error.errors or None,
    )
    return problem_response(request, problem, error.headers)


async def handle_http_exception(request: Request, error: HTTPException) -> Response:
    """Return the problem document of an `HTTPException`, such as an unknown path."""
    if isinstance(error.__cause__, Error):  # FastAPI turns any error while a body is read into 400
        return await handle_error(request, error.__cause__)
    if isinstance(error.__cause__, RecursionError):  # of the JSON parser
        problem = FieldProblem(location="body", message=JSON_DEPTH.message, code="value_error")
        return await handle_error(request, Invalid("Request validation failed.", errors=[problem]))
    phrase = HTTPStatus(error.status_code).phrase
    document = Problem(
        title=phrase,
        status=error.status_code,
        detail=error.detail,
        code=phrase.lower().replace(" ", "_").replace("-", "_"),
    )
    is_wrong_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    headers = _allow_header(request) if is_wrong_method else error.headers
    return problem_response(request, document, headers)


async def handle_validation_error(request: Request, error: RequestValidationError) -> Response:
    """Return the problem document for a validation error, without the submitted values."""
    fields = [
        FieldProblem(
            location=_location(problem),
            message=validation_messages.message(problem),
            code=problem["type"],
        )
        for problem in error.errors()[:MAX_PROBLEMS]
    ]
    return await handle_error(request, Invalid("Request validation failed.", errors=fields))


def _location(problem: Mapping[str, Any]) -> str:
    """Return the path of the invalid field, or `body` if the body is not JSON at all."""
    # FastAPI appends the offset of a syntax error, which looks like the index of an array.
    path = problem["loc"][:1] if problem["type"] == "json_invalid" else problem["loc"]
    return ".".join(map(str, path))


def _allow_header(request: Request) -> dict[str, str]:
    """Return the `Allow` header with the methods of a path (RFC 9110, section 15.5.6).

    A path such as `/users/me` has its own methods only, although `/users/{user_id}` matches it too.
    """
    described = request.app.openapi()["paths"].get(route_path(request.scope), {})
    methods = {method for method in METHODS if method.lower() in described} or {
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    }
    if "GET" in methods:
        methods.add("HEAD")
    return {"Allow": ", ".join(sorted(methods))}


class ProblemMiddleware:
    """ASGI middleware that returns a 500 problem document for unhandled exceptions."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Return a problem document for an exception, unless the response has already started."""
        has_started = False

        async def send_and_track(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_and_track)
        except Exception as error:
            if has_started or scope["type"] != "http":
                raise
            if not isinstance(error, Error):
                log.exception("unhandled_exception")
            response = await handle_error(Request(scope), error)
            await response(scope, receive, send)


def error_responses(*kinds: type[Error]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of errors, for a route's `responses`."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        kind.status: {
            "description": kind.title,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for kind in kinds
    }


def install(app: FastAPI) -> None:
    """Install the exception handlers.

    `app.middleware` adds `ProblemMiddleware`, which handles all other exceptions.
    """
    app.add_exception_handler(Error, handle_error)
    app.add_exception_handler(HTTPException, handle_http_exception)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, handle_validation_error)  # type: ignore[arg-type]
