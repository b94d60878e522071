"""Tests of HEAD requests: the headers of GET, and no content (RFC 9110, section 9.3.2)."""

import json
from collections.abc import AsyncGenerator
from string import Formatter
from uuid import uuid4

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import select
from starlette.responses import Response as PlainResponse
from starlette.responses import StreamingResponse

from app.database import StreamSession
from app.main import create_app
from tests.support import sample_resource
from tests.support.live_server import Live, calling, serving
from tests.support.sample_resource import URL
from tests.support.timeouts import wait_until

VARYING = ("date", "rate", "x-request-id")  # prefixes; the quota of a rate limit shrinks
events: list[str] = []
router = APIRouter()


@router.get("/endless")
async def stream_endlessly(session: StreamSession) -> StreamingResponse:
    """Stream parts without end, each of which is read from the database."""

    async def parts() -> AsyncGenerator[str, None]:
        while True:
            events.append("part")
            await session.execute(select(1))
            yield "part"

    return StreamingResponse(parts())


@router.get("/own")
async def read_own() -> str:
    """Return a text."""
    return "text"


@router.head("/own")
async def check_own() -> PlainResponse:
    """Return a header of its own."""
    return PlainResponse(headers={"X-Own": "head"})


@router.post("/written")
async def write() -> None:
    """Return nothing."""


@pytest.fixture
async def extended(shared_url: str) -> AsyncGenerator[Live, None]:
    """Serve the service with further routes on a real socket."""
    _ = shared_url
    app = create_app()
    app.include_router(router)
    async with serving(app) as port, calling(port) as client:
        yield Live(app, client)


def headers(response: Response) -> dict[str, str]:
    """Return the headers that do not differ between two requests."""
    return {name: value for name, value in response.headers.items() if not name.startswith(VARYING)}


def read_paths(app: FastAPI) -> list[str]:
    """Return the paths of GET, except streams of events, with random ids as parameters."""
    described = [
        path
        for path, operations in app.openapi()["paths"].items()
        if "get" in operations and "text/event-stream" not in json.dumps(operations["get"])
    ]
    names = {name for path in described for _, name, *_ in Formatter().parse(path) if name}
    return [path.format_map(dict.fromkeys(names, uuid4())) for path in described]


async def test_head_returns_status_and_headers_of_get(client: AsyncClient, app: FastAPI) -> None:
    for path in ["/docs", "/openapi.json", "/static/favicon.svg", *read_paths(app)]:
        got, head = await client.get(path), await client.head(path)
        assert (head.status_code, headers(head)) == (got.status_code, headers(got)), path
        assert head.content == b"", path


async def test_head_of_rows_returns_headers_of_get(jot_client: AsyncClient) -> None:
    created = await jot_client.post(URL, json=sample_resource.payload())
    for path in (URL, f"{URL}/export", created.headers["Location"]):
        got, head = await jot_client.get(path), await jot_client.head(path)
        assert (head.status_code, headers(head)) == (200, headers(got)), path
        assert head.content == b"", path


async def test_head_sends_no_content_on_connection(extended: Live) -> None:
    for path in ("/health/live", "/health/ready", "/openapi.json", "/nowhere"):
        head, got = await extended.client.head(path), await extended.client.get(path)
        assert head.status_code == got.status_code
        assert head.headers.get("Content-Length") == got.headers.get("Content-Length")


async def test_head_ends_stream_and_releases_database_connection(
    extended: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    events.clear()
    response = await extended.client.head("/endless")
    assert (response.status_code, response.content) == (200, b"")
    pool = extended.app.state.engine.pool
    await wait_until(lambda: events and not getattr(pool, "checkedout", int)())
    assert events == ["part"]
    assert (await extended.client.get("/health/ready")).status_code == 200
    assert "Traceback" not in capsys.readouterr().out


async def test_route_of_head_takes_precedence(extended: Live) -> None:
    assert (await extended.client.head("/own")).headers["X-Own"] == "head"
    assert (await extended.client.get("/own")).json() == "text"


async def test_head_of_path_without_get_returns_405(extended: Live) -> None:
    response = await extended.client.head("/written")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


@pytest.mark.usefixtures("json_logs")
async def test_head_is_logged_as_head(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.head("/openapi.json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["method"] == "HEAD"


def test_openapi_does_not_describe_head(app: FastAPI) -> None:
    assert not any("head" in operations for operations in app.openapi()["paths"].values())
