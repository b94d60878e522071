"""Tests of ETags and of conditional requests (304 Not Modified)."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Header, Response
from fastapi.responses import StreamingResponse
from httpx2 import ASGITransport, AsyncClient
from starlette.datastructures import Headers

from app.cache.etags import ETagMiddleware
from app.cache.invalidation import TableVersions
from app.cache.stores import MemoryStore
from app.errors import NotFound
from tests.support import sample_resource
from tests.support.cors import rejected_headers
from tests.support.live_server import lifespan
from tests.support.sample_resource import URL

router = APIRouter()


@router.get("/cookie")
async def cookie(response: Response) -> str:
    response.set_cookie("a", "b")
    return "one"


@router.get("/secret")
async def secret(response: Response) -> str:
    response.headers["Cache-Control"] = "no-store"
    return "one"


@router.get("/public")
async def public(response: Response) -> str:
    response.headers["Cache-Control"] = "public, max-age=60"
    return "one"


@router.get("/tagged")
async def tagged(response: Response) -> str:
    response.headers["ETag"] = '"mine"'
    return "one"


@router.get("/missing")
async def missing() -> str:
    raise NotFound("There is nothing.")


@router.get("/text")
async def text() -> Response:
    return Response("one", media_type="text/plain")


@router.get("/stream")
async def stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        yield "[1,"
        yield "2]"

    return StreamingResponse(parts(), media_type="application/json")


@router.get("/own_name")
async def own_name(name: Annotated[str, Header()]) -> str:
    return name


@router.get("/long")
async def long() -> str:
    return "x" * 5000


@router.post("/created")
async def created() -> str:
    return "one"


@pytest.fixture
async def client(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> AsyncGenerator[AsyncClient, None]:
    """Return a client of a service with routes that set special headers."""
    _ = database_url
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    app = sample_resource.create_app()
    app.include_router(router)
    transport = ASGITransport(app)
    headers = {"Accept-Encoding": "identity"}
    async with (
        lifespan(app),
        AsyncClient(transport=transport, base_url="http://test", headers=headers) as connected,
    ):
        yield connected


async def test_matching_etag_returns_304(client: AsyncClient) -> None:
    await client.post(URL, json=sample_resource.payload())
    first = await client.get(URL)
    tag = first.headers["ETag"]
    again = await client.get(URL, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    # RFC 9110, section 15.4.5: the headers of a 200, without those of its content.
    for name in ("ETag", "Cache-Control", "Vary", "Link"):
        assert again.headers[name] == first.headers[name]
    assert {"content-length", "content-type"}.isdisjoint(again.headers)


async def test_changed_content_has_new_etag(client: AsyncClient) -> None:
    first = await client.get(URL)
    await client.post(URL, json=sample_resource.payload())
    again = await client.get(URL, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ("*", 304),
        (" * ", 304),
        ('"other", {tag}', 304),
        ('W/"other",W/{tag} , "more"', 304),
        ('"a,b", {tag}', 304),
        ('"other"', 200),
        ('"*"', 200),
        ("", 200),
        ("nonsense", 200),
        ('"', 200),
    ],
)
async def test_if_none_match_compares_etags_weakly(
    client: AsyncClient, if_none_match: str, status: int
) -> None:
    tag = (await client.get("/public")).headers["ETag"]
    headers = {"If-None-Match": if_none_match.format(tag=tag)}
    assert (await client.get("/public", headers=headers)).status_code == status


async def test_etag_in_second_if_none_match_header_returns_304(client: AsyncClient) -> None:
    tag = (await client.get("/public")).headers["ETag"]
    headers = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert (await client.get("/public", headers=headers)).status_code == 304


@pytest.mark.parametrize(
    "path", ["/cookie", "/secret", "/missing", "/text", "/stream", "/health/live", "/nowhere"]
)
async def test_uncacheable_response_has_no_etag(client: AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"If-None-Match": "*"})
    assert response.status_code != 304
    assert response.content
    assert "ETag" not in response.headers


async def test_post_response_has_no_etag(client: AsyncClient) -> None:
    response = await client.post("/created", headers={"If-None-Match": "*"})
    assert response.status_code == 200
    assert "ETag" not in response.headers


async def test_response_must_be_cached_privately_and_revalidated(client: AsyncClient) -> None:
    headers = (await client.get(URL)).headers
    assert headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "X-API-Key"} <= set(headers["Vary"].split(", "))


async def test_responses_to_different_users_have_different_etags(client: AsyncClient) -> None:
    tag = (await client.get("/own_name", headers={"name": "ann"})).headers["ETag"]
    response = await client.get("/own_name", headers={"name": "bob", "If-None-Match": tag})
    assert (response.status_code, response.json()) == (200, "bob")


async def test_etag_and_cache_control_of_route_are_preserved(client: AsyncClient) -> None:
    assert (await client.get("/public")).headers["Cache-Control"] == "public, max-age=60"
    assert (await client.get("/tagged")).headers["ETag"] == '"mine"'


async def test_compressed_response_has_weak_etag(client: AsyncClient) -> None:
    plain = await client.get("/long")
    assert plain.headers["ETag"].startswith('"')
    headers = {"Accept-Encoding": "gzip"}
    compressed_response = await client.get("/long", headers=headers)
    assert compressed_response.headers["Content-Encoding"] == "gzip"
    assert compressed_response.headers["ETag"] == f"W/{plain.headers['ETag']}"
    assert (await client.get("/public", headers=headers)).headers["ETag"].startswith('"')
    for tag in (plain.headers["ETag"], compressed_response.headers["ETag"]):
        again = await client.get("/long", headers=headers | {"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert "Content-Encoding" not in again.headers


@pytest.mark.parametrize(
    ("accepted", "gzip_from", "compressed"),
    [
        ("gzip", 3, True),
        ("br, gzip", 1, True),
        ("gzip", 4, False),
        ("gzip", 0, False),
        ("br", 3, False),
        ("", 3, False),
    ],
)
def test_response_is_compressed_only_if_long_and_accepted(
    accepted: str, gzip_from: int, *, compressed: bool
) -> None:
    middleware = ETagMiddleware(FastAPI(), TableVersions(MemoryStore(0), ""), gzip_from)
    request_headers = Headers({"Accept-Encoding": accepted} if accepted else {})
    assert middleware.is_compressed(request_headers, b"123") is compressed


@pytest.mark.usefixtures("shared_url")
async def test_cors_allows_conditional_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rejected_headers(monkeypatch, "If-None-Match") == set()


async def test_cors_exposes_etag_header(client: AsyncClient) -> None:
    response = await client.get("/public", headers={"Origin": "https://shop.example"})
    assert "ETag" in response.headers["Access-Control-Expose-Headers"].split(", ")
