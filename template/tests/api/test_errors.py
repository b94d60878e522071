"""Tests of error responses, each of which is a problem document (RFC 9457)."""

import json
from asyncio import CancelledError
from collections.abc import Iterator
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from app import errors
from tests.support import sample_resource
from tests.support.sample_resource import URL

SECRET = "hunter2"
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


@pytest.fixture
def broken(shared_url: str) -> FastAPI:
    """Create the service with a route that raises an exception no handler catches."""
    _ = shared_url
    router = APIRouter()

    @router.get("/broken")
    async def fail() -> None:
        raise RuntimeError(SECRET)

    app = sample_resource.create_app()
    app.include_router(router)
    return app


def error_classes(base: type[errors.Error] = errors.Error) -> Iterator[type[errors.Error]]:
    """Yield the error classes of `app.errors`."""
    if base.__module__ == errors.__name__:  # features define further ones
        yield base
        for kind in base.__subclasses__():
            yield from error_classes(kind)


async def response_to(error: Exception) -> Response:
    """Return the response of an application whose route raises the error."""
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        return await client.get("/")


def problem(response: Response) -> tuple[int, str]:
    """Validate a problem document; return its status and code."""
    assert response.headers["Content-Type"] == errors.MEDIA_TYPE
    document = errors.Problem.model_validate_json(response.content)
    assert document.status == response.status_code
    assert document.request_id == response.headers["X-Request-ID"]
    return document.status, document.code


@pytest.mark.parametrize("path", ["/nowhere", f"{URL}/", "/static/nothing.css"])
async def test_unknown_path_returns_404(jot_client: AsyncClient, path: str) -> None:
    assert problem(await jot_client.get(path)) == (404, "not_found")


async def test_unknown_method_returns_405_with_allow(jot_client: AsyncClient) -> None:
    response = await jot_client.put(URL)
    assert problem(response) == (405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, HEAD, POST"
    response = await jot_client.post(f"{URL}/{uuid4()}")
    assert response.headers["Allow"] == "DELETE, GET, HEAD, PATCH"
    response = await jot_client.post(f"{URL}/export")
    assert response.headers["Allow"] == "GET, HEAD"


async def test_validation_error_does_not_echo_values(jot_client: AsyncClient) -> None:
    response = await jot_client.post(URL, json={"title": {"password": SECRET}})
    assert problem(response) == (422, "invalid")
    assert response.json()["detail"] == "Request validation failed."
    assert response.json()["errors"] == [
        {"location": "body.title", "message": "Must be a string.", "code": "string_type"}
    ]
    assert SECRET not in response.text


async def test_validation_error_names_a_limited_number_of_fields(jot_client: AsyncClient) -> None:
    response = await jot_client.post(URL, json={f"unknown{number}": 1 for number in range(1000)})
    assert (response.status_code, len(response.json()["errors"])) == (422, 100)


@pytest.mark.parametrize("body", ["{", '"\\ud800"', "[" * 100_000])
async def test_malformed_json_returns_documented_status(
    jot_client: AsyncClient, jot_app: FastAPI, body: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await jot_client.post(URL, content=body, headers=headers)
    assert problem(response)[0] in {400, 422}
    documented = jot_app.openapi()["paths"][URL]["post"]["responses"]
    assert str(response.status_code) in documented


async def test_malformed_json_is_reported_for_the_whole_body(jot_client: AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = await jot_client.post(URL, content='{"title"', headers=headers)
    assert response.json()["errors"] == [
        {"location": "body", "message": "Must be valid JSON.", "code": "json_invalid"}
    ]


async def test_body_without_content_type_returns_422(jot_client: AsyncClient) -> None:
    response = await jot_client.post(URL, content=json.dumps(sample_resource.payload()))
    assert problem(response) == (422, "invalid")


@pytest.mark.usefixtures("json_logs")
async def test_unhandled_exception_returns_500_without_details(
    broken: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AsyncClient(transport=ASGITransport(broken), base_url="http://test") as client:
        response = await client.get("/broken")
    assert problem(response) == (500, "internal_error")
    assert SECRET not in response.text
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (event,) = [line for line in lines if line["event"] == "unhandled_exception"]
    assert SECRET in event["exception"]
    assert event["request_id"] == response.headers["X-Request-ID"]


def test_errors_docstring_lists_all_error_classes() -> None:
    tree = {" ".join(line.split()[-3:]) for line in (errors.__doc__ or "").splitlines()}
    for kind in error_classes():
        line = f"{kind.__name__} {kind.status} {kind.code}"
        assert line in tree, f"Add {line} to the docstring of app/errors.py."


@pytest.mark.parametrize("kind", list(error_classes()))
async def test_error_response_has_all_problem_fields_and_is_documented(
    kind: type[errors.Error],
) -> None:
    field = errors.FieldProblem(location="body.a", message="Already in use.", code="unique")
    plain = await response_to(kind("No."))
    with_fields = await response_to(kind("No.", errors=[field]))
    expected = {
        "type": "about:blank",
        "title": TITLES[kind.status],
        "status": kind.status,
        "detail": "No.",
        "code": kind.code,
    }
    assert (plain.status_code, plain.json()) == (kind.status, expected)
    assert with_fields.json() == expected | {"errors": [field.model_dump()]}
    for name, value in HEADERS.get(kind.status, {}).items():
        assert plain.headers[name] == value
    assert errors.error_responses(kind) == {
        kind.status: {
            "description": TITLES[kind.status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
    }


async def test_http_exception_preserves_detail_and_headers() -> None:
    error = HTTPException(410, "It was here.", headers={"X-Since": "Monday"})
    response = await response_to(error)
    assert (response.status_code, response.headers["X-Since"]) == (410, "Monday")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Gone",
        "status": 410,
        "detail": "It was here.",
        "code": "gone",
    }


@pytest.mark.parametrize(
    ("kind", "started"),
    [
        ("http", ("http.response.start",)),
        ("http", ("http.response.start", "http.response.body")),
        ("websocket", ()),
    ],
)
async def test_late_or_websocket_error_sends_no_response(
    kind: str, started: tuple[str, ...]
) -> None:
    sent: list[str] = []

    async def fail(_: Scope, __: Receive, send: Send) -> None:
        for step in started:
            await send({"type": step})
        raise errors.Conflict(SECRET)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message["type"])

    with pytest.raises(errors.Conflict):
        await errors.ProblemMiddleware(fail)({"type": kind}, receive, send)
    assert tuple(sent) == started


def caused(error: Exception, cause: BaseException) -> Exception:
    """Return an error with a cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("in flux"), "OSError: in flux"),
        (ConnectionError(), "ConnectionError"),
        (caused(errors.Unavailable("Retry."), OSError("in flux")), "OSError: in flux"),
        (
            caused(errors.Unavailable("Retry."), caused(TimeoutError(), CancelledError())),
            "TimeoutError: no answer in time",
        ),
        (caused(TimeoutError("late"), CancelledError()), "TimeoutError: late"),
    ],
)
def test_reason_is_class_and_message_of_cause(error: Exception, reason: str) -> None:
    assert errors.reason(error) == reason
