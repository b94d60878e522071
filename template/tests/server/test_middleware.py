"""What a request passes on its way in, and an answer on its way out."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import APIRouter, Response
from httpx2 import ASGITransport, AsyncClient
from httpx2 import Response as Answer
from starlette.types import Message, Receive, Scope, Send

from app import errors
from app.middleware import BodyLimit, TrustedHosts
from tests.support import sample_resource
from tests.support.sample_resource import URL

Made = Callable[..., AsyncClient]
ORIGIN = "https://shop.example"
GUARDS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS = "Strict-Transport-Security"
ALLOWED = {
    "Credentials": "true",
    "Headers": (
        "Accept, Accept-Language, Authorization, Content-Language, Content-Type, X-Request-ID"
    ),
    "Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    "Origin": ORIGIN,
}

router = APIRouter()


@router.get("/broken")
async def broken() -> None:
    """Fail, as nobody foresaw."""
    raise RuntimeError


@router.get("/framed")
async def framed(response: Response) -> None:
    """Let pages of this origin show the answer."""
    response.headers["X-Frame-Options"] = "SAMEORIGIN"


@router.get("/sized/{size}")
async def sized(size: int) -> Response:
    """Answer with so many bytes."""
    return Response(b"x" * size)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> Made:
    """Build the service with other settings; these tests ask nothing of its database."""
    _ = shared_url

    def make(**environment: str) -> AsyncClient:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        app = sample_resource.create_app()
        app.include_router(router)
        return AsyncClient(transport=ASGITransport(app), base_url="http://test")

    return make


def guards(answer: Answer) -> dict[str, str]:
    """Give the headers of an answer that tell browsers what not to do."""
    return {name: answer.headers.get(name, "") for name in GUARDS}


async def stream(*parts: bytes) -> AsyncIterator[bytes]:
    """Send a body whose length is not said beforehand."""
    for part in parts:
        yield part


async def nothing(*_: object) -> Any:  # noqa: ANN401 - one for all parts of ASGI
    """Stand for what is behind, or for a client."""


def coming(*parts: bytes) -> Receive:
    """Receive a body in parts, after one that says nothing."""
    messages: list[Message] = [{"type": "http.request"}, *({"body": part} for part in parts)]
    left = iter(messages)

    async def receive() -> Message:
        return next(left)

    return receive


async def test_a_body_that_is_too_long_is_refused(made: Made) -> None:
    client = made(BODY_LIMIT="10")
    headers = {"Content-Type": "application/json"}
    declared = await client.post(URL, content=b"x" * 11, headers=headers)
    streamed = await client.post(URL, content=stream(b"x" * 6, b"x" * 6), headers=headers)
    for refused in (declared, streamed):
        assert (refused.status_code, refused.json()["code"]) == (413, "content_too_large")


async def test_a_body_is_counted_as_it_comes() -> None:
    async def read(_: Scope, receive: Receive, __: Send) -> None:
        for _part in range(3):
            await receive()

    scope = {"type": "http", "path": "/", "headers": []}
    limited = BodyLimit(read, limit=4, limits={})
    await limited(scope, coming(b"ab", b"cd"), nothing)
    with pytest.raises(errors.ContentTooLarge, match="4 bytes"):
        await limited(scope, coming(b"ab", b"cde"), nothing)


async def test_a_declared_length_is_compared_before_it_comes(jot_client: AsyncClient) -> None:
    for length, status in {2**20: 422, 2**20 + 1: 413}.items():
        headers = {"Content-Length": str(length)}
        assert (await jot_client.post(URL, content=b"", headers=headers)).status_code == status


async def test_a_host_that_is_not_trusted_is_refused(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    client = made(TRUSTED_HOSTS="api.example, *.shop.example")
    for host, status in {
        "api.example": 200,
        "API.example:8000": 200,
        "eu.shop.example": 200,
        "shop.example": 400,
        "evil.example": 400,
        "api.example.evil": 400,
    }.items():
        answered = await client.get("/static/favicon.svg", headers={"Host": host})
        assert answered.status_code == status, host
        assert ("untrusted_host" in answered.text) is (status == 400)
    assert "unforeseen" not in capsys.readouterr().out


async def test_only_what_names_a_host_is_asked_for_it() -> None:
    guarded = TrustedHosts(nothing, hosts=("api.example",))
    for kind in ("http", "websocket"):
        scope = {"type": kind, "path": "/", "headers": [(b"host", b"evil.example")]}
        with pytest.raises(errors.UntrustedHost):
            await guarded(scope, nothing, nothing)
    await guarded({"type": "lifespan"}, nothing, nothing)


async def test_probes_know_only_an_address(made: Made) -> None:
    client = made(TRUSTED_HOSTS="api.example")
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/healthy")).status_code == 400


async def test_a_page_of_an_allowed_origin_may_call(made: Made) -> None:
    client = made(CORS_ORIGINS=f'["{ORIGIN}"]')
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    allowed = (await client.options(URL, headers=asked)).raise_for_status()
    told = {name: allowed.headers[f"Access-Control-Allow-{name}"] for name in ALLOWED}
    assert told == ALLOWED
    refused = await client.get("/nowhere", headers={"Origin": ORIGIN})
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = refused.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Link", "Location", "X-Request-ID"} <= set(exposed)


async def test_pages_of_all_origins_may_call_without_credentials(made: Made) -> None:
    answered = await made(CORS_ORIGINS="*").get("/nowhere", headers={"Origin": ORIGIN})
    assert answered.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answered.headers


async def test_a_page_of_another_origin_may_not(made: Made) -> None:
    client = made(CORS_ORIGINS=ORIGIN)
    answered = await client.get("/health/live", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answered.headers


async def test_long_answers_are_compressed_for_those_who_ask(client: AsyncClient) -> None:
    for asked, given in {"gzip": "gzip", "identity": None}.items():
        answered = await client.get("/openapi.json", headers={"Accept-Encoding": asked})
        assert answered.headers.get("Content-Encoding") == given
    small = await client.get("/health/live", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


async def test_an_answer_is_compressed_from_a_kibibyte_on(made: Made) -> None:
    client = made()
    for size, given in {1023: None, 1024: "gzip"}.items():
        answered = await client.get(f"/sized/{size}", headers={"Accept-Encoding": "gzip"})
        assert answered.headers.get("Content-Encoding") == given


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", URL, 200),
        ("GET", "/health/live", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/static/favicon.svg", 200),
        ("GET", "/nowhere", 404),
        ("PUT", URL, 405),
        ("POST", URL, 422),
    ],
)
async def test_every_answer_is_guarded(
    jot_client: AsyncClient, method: str, path: str, status: int
) -> None:
    answered = await jot_client.request(method, path)
    assert (answered.status_code, guards(answered)) == (status, GUARDS)


async def test_what_never_reaches_a_route_is_guarded_too(made: Made) -> None:
    client = made(BODY_LIMIT="10", TRUSTED_HOSTS="test", CORS_ORIGINS=ORIGIN)
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    for answered, status in {
        await client.options(URL, headers=asked): 200,
        await client.get("/broken", headers={"Host": "evil.example"}): 400,
        await client.post(URL, content=b"x" * 11): 413,
        await client.get("/broken"): 500,
    }.items():
        assert (answered.status_code, guards(answered)) == (status, GUARDS)


async def test_a_guard_that_a_route_sets_itself_stays(made: Made) -> None:
    answered = await made().get("/framed")
    assert guards(answered) == GUARDS | {"X-Frame-Options": "SAMEORIGIN"}


@pytest.mark.parametrize(
    ("url", "seconds", "told"),
    [
        ("https://test/nowhere", "60", "max-age=60; includeSubDomains"),
        ("https://test/nowhere", "0", None),
        ("http://test/nowhere", "60", None),
    ],
)
async def test_who_came_over_https_is_told_to_stay_there(
    made: Made, url: str, seconds: str, told: str | None
) -> None:
    answered = await made(HSTS_SECONDS=seconds).get(url)
    assert answered.headers.get(HSTS) == told


async def test_https_is_to_be_kept_for_a_year(client: AsyncClient) -> None:
    answered = await client.get("https://test/nowhere")
    assert answered.headers[HSTS] == "max-age=31536000; includeSubDomains"
