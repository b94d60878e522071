"""Errors: every one of them is a problem document (RFC 9457)."""

import json
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
    500: "Internal Server Error",
    503: "Service Unavailable",
}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


@pytest.fixture
def broken(shared_url: str) -> FastAPI:
    """Build the service with a route that fails."""
    _ = shared_url
    router = APIRouter()

    @router.get("/broken")
    async def fail() -> None:
        raise RuntimeError(SECRET)

    app = sample_resource.create_app()
    app.include_router(router)
    return app


def kinds(above: type[errors.Error] = errors.Error) -> Iterator[type[errors.Error]]:
    """Give every kind of error that every service has."""
    if above.__module__ == errors.__name__:  # not those of one part
        yield above
        for kind in above.__subclasses__():
            yield from kinds(kind)


async def told(error: Exception) -> Response:
    """Give the answer of a service that has nothing but errors."""
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        return await client.get("/")


def problem(response: Response) -> tuple[int, str]:
    """Give the status and code of a problem document, once its form is right."""
    assert response.headers["Content-Type"] == errors.MEDIA_TYPE
    told = errors.Problem.model_validate_json(response.content)
    assert told.status == response.status_code
    assert told.request_id == response.headers["X-Request-ID"]
    return told.status, told.code


@pytest.mark.parametrize("path", ["/nowhere", f"{URL}/", "/static/nothing.css"])
async def test_an_unknown_path_is_a_problem(jot_client: AsyncClient, path: str) -> None:
    assert problem(await jot_client.get(path)) == (404, "not_found")


async def test_an_unknown_method_is_a_problem_that_names_the_known(
    jot_client: AsyncClient,
) -> None:
    refused = await jot_client.put(URL)
    assert problem(refused) == (405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, POST"
    refused = await jot_client.post(f"{URL}/{uuid4()}")
    assert refused.headers["Allow"] == "DELETE, GET, PATCH"


async def test_a_body_that_does_not_fit_is_not_repeated(jot_client: AsyncClient) -> None:
    refused = await jot_client.post(URL, json={"title": {"password": SECRET}})
    assert problem(refused) == (422, "invalid")
    assert refused.json()["errors"] == [
        {
            "location": "body.title",
            "message": "Input should be a valid string",
            "code": "string_type",
        }
    ]
    assert SECRET not in refused.text


@pytest.mark.parametrize("body", ["{", '"\\ud800"', "[" * 100_000])
async def test_a_body_that_is_no_json_is_a_problem(
    jot_client: AsyncClient, jot_app: FastAPI, body: str
) -> None:
    headers = {"Content-Type": "application/json"}
    refused = await jot_client.post(URL, content=body, headers=headers)
    assert problem(refused)[0] in {400, 422}
    described = jot_app.openapi()["paths"][URL]["post"]["responses"]
    assert str(refused.status_code) in described


async def test_a_body_of_another_type_is_a_problem(jot_client: AsyncClient) -> None:
    refused = await jot_client.post(URL, content=json.dumps(sample_resource.payload()))
    assert problem(refused) == (422, "invalid")


async def test_what_nobody_foresaw_is_a_problem_that_tells_nothing(
    broken: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    async with AsyncClient(transport=ASGITransport(broken), base_url="http://test") as client:
        told = await client.get("/broken")
    assert problem(told) == (500, "internal_error")
    assert SECRET not in told.text
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (logged,) = [line for line in lines if line["event"] == "unforeseen"]
    assert SECRET in logged["exception"]
    assert logged["request_id"] == told.headers["X-Request-ID"]


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = {" ".join(line.split()[-3:]) for line in (errors.__doc__ or "").splitlines()}
    for kind in kinds():
        line = f"{kind.__name__} {kind.status} {kind.code}"
        assert line in drawn, f"Draw {line} in the docstring of app/errors.py."


@pytest.mark.parametrize("kind", list(kinds()))
async def test_an_error_is_told_in_full(kind: type[errors.Error]) -> None:
    wrong = errors.FieldProblem(location="body.a", message="It is taken.", code="unique")
    plain, listed = await told(kind("No.")), await told(kind("No.", errors=[wrong]))
    expected = {
        "type": "about:blank",
        "title": TITLES[kind.status],
        "status": kind.status,
        "detail": "No.",
        "code": kind.code,
    }
    assert (plain.status_code, plain.json()) == (kind.status, expected)
    assert listed.json() == expected | {"errors": [wrong.model_dump()]}
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


async def test_an_error_of_the_frameworks_keeps_its_words_and_headers() -> None:
    answered = await told(HTTPException(410, "It was here.", headers={"X-Since": "Monday"}))
    assert (answered.status_code, answered.headers["X-Since"]) == (410, "Monday")
    assert answered.headers["Content-Type"] == "application/problem+json"
    assert answered.json() == {
        "type": "about:blank",
        "title": "Gone",
        "status": 410,
        "detail": "It was here.",
        "code": "gone",
    }


@pytest.mark.parametrize(
    ("kind", "begun"),
    [
        ("http", ("http.response.start",)),
        ("http", ("http.response.start", "http.response.body")),
        ("websocket", ()),
    ],
)
async def test_what_has_begun_or_is_no_request_is_not_answered_again(
    kind: str, begun: tuple[str, ...]
) -> None:
    sent: list[str] = []

    async def fail(_: Scope, __: Receive, send: Send) -> None:
        for step in begun:
            await send({"type": step})
        raise errors.Conflict(SECRET)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message["type"])

    with pytest.raises(errors.Conflict):
        await errors.ProblemMiddleware(fail)({"type": kind}, receive, send)
    assert tuple(sent) == begun
