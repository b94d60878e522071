"""Errors: every one of them is a problem document (RFC 9457)."""

import json

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient, Response

from app import errors
from tests import jots
from tests.jots import URL

SECRET = "hunter2"


@pytest.fixture
def broken(shared_url: str) -> FastAPI:
    """Build the service with a route that fails."""
    _ = shared_url
    router = APIRouter()

    @router.get("/broken")
    async def fail() -> None:
        raise RuntimeError(SECRET)

    app = jots.create_app()
    app.include_router(router)
    return app


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


async def test_a_body_that_does_not_fit_is_not_repeated(jot_client: AsyncClient) -> None:
    refused = await jot_client.post(URL, json={"title": {"password": SECRET}})
    assert problem(refused) == (422, "invalid")
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
    refused = await jot_client.post(URL, content=json.dumps(jots.payload()))
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
    drawn = set((errors.__doc__ or "").split())
    kinds: list[type[errors.Error]] = [errors.Error, *errors.Error.__subclasses__()]
    own = [kind for kind in kinds if kind.__module__ == errors.__name__]  # not those of one part
    for kind in own:
        assert kind.code in drawn, f"Draw {kind.__name__} in the docstring of app/errors.py."
