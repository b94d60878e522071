"""Answers have tags, and whoever has an answer is told so instead of getting it again."""

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


@router.get("/nothing")
async def nothing() -> str:
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


@router.get("/whose")
async def whose(name: Annotated[str, Header()]) -> str:
    return name


@router.get("/long")
async def long() -> str:
    return "x" * 5000


@router.post("/made")
async def made() -> str:
    return "one"


@pytest.fixture
async def client(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> AsyncGenerator[AsyncClient, None]:
    """Call the service, and routes that ask nothing of its database."""
    _ = database_url
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    app = sample_resource.create_app()
    app.include_router(router)
    transport = ASGITransport(app)
    headers = {"Accept-Encoding": "identity"}
    async with (
        lifespan(app),
        AsyncClient(transport=transport, base_url="http://test", headers=headers) as found,
    ):
        yield found


async def test_whoever_has_an_answer_is_told_so(client: AsyncClient) -> None:
    await client.post(URL, json=sample_resource.payload())
    first = await client.get(URL)
    tag = first.headers["ETag"]
    again = await client.get(URL, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    # RFC 9110, section 15.4.5: what a 200 would say of the answer, and nothing of its content.
    for name in ("ETag", "Cache-Control", "Vary", "Link"):
        assert again.headers[name] == first.headers[name]
    assert {"content-length", "content-type"}.isdisjoint(again.headers)


async def test_another_content_has_another_tag(client: AsyncClient) -> None:
    first = await client.get(URL)
    await client.post(URL, json=sample_resource.payload())
    again = await client.get(URL, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("given", "status"),
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
async def test_tags_are_compared_as_the_rfc_has_it(
    client: AsyncClient, given: str, status: int
) -> None:
    tag = (await client.get("/public")).headers["ETag"]
    headers = {"If-None-Match": given.format(tag=tag)}
    assert (await client.get("/public", headers=headers)).status_code == status


async def test_tags_may_stand_in_several_headers(client: AsyncClient) -> None:
    tag = (await client.get("/public")).headers["ETag"]
    headers = [("If-None-Match", '"other"'), ("If-None-Match", tag)]
    assert (await client.get("/public", headers=headers)).status_code == 304


@pytest.mark.parametrize(
    "path", ["/cookie", "/secret", "/nothing", "/text", "/stream", "/health/live", "/nowhere"]
)
async def test_what_nobody_should_keep_has_no_tag(client: AsyncClient, path: str) -> None:
    answered = await client.get(path, headers={"If-None-Match": "*"})
    assert answered.status_code != 304
    assert answered.content
    assert "ETag" not in answered.headers


async def test_only_reading_is_tagged(client: AsyncClient) -> None:
    answered = await client.post("/made", headers={"If-None-Match": "*"})
    assert (answered.status_code, "ETag" in answered.headers) == (200, False)


async def test_an_answer_is_for_whoever_asked_who_asks_each_time(client: AsyncClient) -> None:
    told = (await client.get(URL)).headers
    assert told["Cache-Control"] == "private, no-cache"
    assert "Authorization" in told["Vary"]


async def test_nobody_is_told_to_have_what_somebody_else_has(client: AsyncClient) -> None:
    tag = (await client.get("/whose", headers={"name": "ann"})).headers["ETag"]
    answered = await client.get("/whose", headers={"name": "bob", "If-None-Match": tag})
    assert (answered.status_code, answered.json()) == (200, "bob")


async def test_what_a_route_says_itself_stays(client: AsyncClient) -> None:
    assert (await client.get("/public")).headers["Cache-Control"] == "public, max-age=60"
    assert (await client.get("/tagged")).headers["ETag"] == '"mine"'


async def test_a_tag_of_what_is_compressed_on_its_way_is_weak(client: AsyncClient) -> None:
    exact = await client.get("/long")
    assert exact.headers["ETag"].startswith('"')
    headers = {"Accept-Encoding": "gzip"}
    squeezed = await client.get("/long", headers=headers)
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert squeezed.headers["ETag"] == f"W/{exact.headers['ETag']}"
    assert (await client.get("/public", headers=headers)).headers["ETag"].startswith('"')
    for tag in (exact.headers["ETag"], squeezed.headers["ETag"]):
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
def test_compression_needs_length_and_consent(
    accepted: str, gzip_from: int, *, compressed: bool
) -> None:
    answers = ETagMiddleware(FastAPI(), TableVersions(MemoryStore(0), ""), gzip_from)
    asked = Headers({"Accept-Encoding": accepted} if accepted else {})
    assert answers.is_compressed(asked, b"123") is compressed


async def test_a_page_of_another_origin_may_read_the_tag(client: AsyncClient) -> None:
    answered = await client.get("/public", headers={"Origin": "https://shop.example"})
    assert "ETag" in answered.headers["Access-Control-Expose-Headers"].split(", ")
