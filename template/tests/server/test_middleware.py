"""Tests of middleware: body limit, trusted hosts, CORS, CSRF, compression, security headers."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import APIRouter, Request, Response
from httpx2 import ASGITransport, AsyncClient
from httpx2 import Response as HttpResponse
from starlette.types import Message, Receive, Scope, Send

from app import errors
from app.main import create_app
from app.middleware import BodyLimit, MiddlewareSettings, SecurityHeaders, TrustedHosts
from app.settings import ConfigurationError, read
from tests.support import sample_resource
from tests.support.cors import ORIGIN, rejected_headers
from tests.support.sample_resource import URL

MakeClient = Callable[..., AsyncClient]
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
HSTS = "Strict-Transport-Security"
ALLOWED = {
    "Credentials": "true",
    "Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    "Origin": ORIGIN,
}

router = APIRouter()


@router.get("/broken")
async def broken() -> None:
    """Raise an unhandled exception."""
    raise RuntimeError


@router.get("/framed")
async def framed(response: Response) -> None:
    """Return a header that allows framing by pages of the same origin."""
    response.headers["X-Frame-Options"] = "SAMEORIGIN"


@router.get("/sized/{size}")
async def sized(size: int) -> Response:
    """Return a body of `size` bytes."""
    return Response(b"x" * size)


@router.post("/kept")
async def keep(request: Request) -> int:
    """Return the size of a body of any media type."""
    return len(await request.body())


@pytest.fixture
def make_client(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> MakeClient:
    """Return a function that creates a client of a service with other settings."""
    _ = shared_url

    def make(**environment: str) -> AsyncClient:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        app = sample_resource.create_app()
        app.include_router(router)
        return AsyncClient(transport=ASGITransport(app), base_url="http://test")

    return make


def security_headers(response: HttpResponse) -> dict[str, str]:
    """Return the security headers of a response."""
    return {name: response.headers.get(name, "") for name in SECURITY_HEADERS}


async def stream(*parts: bytes) -> AsyncIterator[bytes]:
    """Yield a body in chunks, so that the request has no `Content-Length`."""
    for part in parts:
        yield part


async def noop(*_: object) -> Any:  # noqa: ANN401 - an application, `receive` and `send`
    """Do nothing."""


def receive_parts(*parts: bytes) -> Receive:
    """Return an ASGI `receive` function: its first message is empty, the others contain `parts`."""
    messages: list[Message] = [{"type": "http.request"}, *({"body": part} for part in parts)]
    remaining = iter(messages)

    async def receive() -> Message:
        return next(remaining)

    return receive


async def test_body_over_limit_returns_413(make_client: MakeClient) -> None:
    client = make_client(BODY_LIMIT="10")
    headers = {"Content-Type": "application/json"}
    declared = await client.post(URL, content=b"x" * 11, headers=headers)
    streamed = await client.post(URL, content=stream(b"x" * 6, b"x" * 6), headers=headers)
    for response in (declared, streamed):
        assert (response.status_code, response.json()["code"]) == (413, "content_too_large")


async def test_body_limit_counts_streamed_bytes() -> None:
    async def read(_: Scope, receive: Receive, __: Send) -> None:
        for _part in range(3):
            await receive()

    scope = {"type": "http", "path": "/", "headers": []}
    middleware = BodyLimit(read, limit=4, limits={})
    await middleware(scope, receive_parts(b"ab", b"cd"), noop)
    with pytest.raises(errors.ContentTooLarge, match="4 bytes"):
        await middleware(scope, receive_parts(b"ab", b"cde"), noop)


async def test_body_limit_rejects_content_length_before_reading_body(
    jot_client: AsyncClient,
) -> None:
    for length, status in {2**20: 422, 2**20 + 1: 413}.items():
        headers = {"Content-Length": str(length)}
        assert (await jot_client.post(URL, content=b"", headers=headers)).status_code == status


async def test_untrusted_host_returns_400(
    make_client: MakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_client(TRUSTED_HOSTS="api.example, *.shop.example, [2001:db8::1]")
    for host, status in {
        "api.example": 200,
        "API.example:8000": 200,
        "eu.shop.example": 200,
        "shop.example": 400,
        "evil.example": 400,
        "api.example.evil": 400,
        "[2001:db8::1]:8000": 200,
        "[2001:DB8::1]": 200,
        "[2001:db8::2]": 400,
    }.items():
        response = await client.get("/static/favicon.svg", headers={"Host": host})
        assert response.status_code == status, host
        assert ("untrusted_host" in response.text) is (status == 400)
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.usefixtures("production", "shared_url")
def test_production_without_trusted_hosts_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    create_app()
    monkeypatch.delenv("TRUSTED_HOSTS")
    with pytest.raises(ConfigurationError, match=r"^TRUSTED_HOSTS: missing\. Set it to host names"):
        create_app()


@pytest.mark.usefixtures("production")
def test_trusted_hosts_default_to_any_name_outside_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert read(MiddlewareSettings).trusted_hosts == ("127.0.0.1", "localhost", "test")
    monkeypatch.setenv("TRUSTED_HOSTS", "*")
    assert read(MiddlewareSettings).trusted_hosts == ("*",)
    monkeypatch.delenv("TRUSTED_HOSTS")
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert read(MiddlewareSettings).trusted_hosts == ("*",)


async def test_trusted_hosts_checks_websockets_but_not_lifespan() -> None:
    middleware = TrustedHosts(noop, hosts=("api.example",))
    for kind in ("http", "websocket"):
        scope = {"type": kind, "path": "/", "headers": [(b"host", b"evil.example")]}
        with pytest.raises(errors.UntrustedHost):
            await middleware(scope, noop, noop)
    await middleware({"type": "lifespan"}, noop, noop)


async def test_health_probes_accept_any_host(make_client: MakeClient) -> None:
    client = make_client(TRUSTED_HOSTS="api.example")
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/healthy")).status_code == 400


async def test_cors_preflight_allows_configured_origin(make_client: MakeClient) -> None:
    client = make_client(CORS_ORIGINS=f'["{ORIGIN}"]')
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
    response = (await client.options(URL, headers=preflight)).raise_for_status()
    allowed = {name: response.headers[f"Access-Control-Allow-{name}"] for name in ALLOWED}
    assert allowed == ALLOWED
    assert response.headers["Access-Control-Max-Age"] == "600"
    missing = await client.get("/nowhere", headers={"Origin": ORIGIN})
    assert missing.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = missing.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Allow", "Content-Disposition", "Link", "Location"} <= set(exposed)
    assert {"Retry-After", "X-Request-ID"} <= set(exposed)


@pytest.mark.usefixtures("shared_url")
async def test_cors_preflight_allows_headers_of_service_and_of_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("Authorization", "Content-Type", "X-Request-ID", "X-Tenant", "X-Trace")
    assert await rejected_headers(monkeypatch, *names) == {"X-Tenant", "X-Trace"}
    monkeypatch.setenv("CORS_HEADERS", "X-Tenant")
    assert await rejected_headers(monkeypatch, *names) == {"X-Trace"}
    monkeypatch.setenv("CORS_HEADERS", "*")
    assert await rejected_headers(monkeypatch, *names) == set()


@pytest.mark.parametrize("value", ["X Tenant", "X-Tenant:", "é", '["X-Tenant", ""]'])
def test_malformed_cors_header_name_is_rejected(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CORS_HEADERS", value)
    with pytest.raises(ConfigurationError, match=r"^CORS_HEADERS: not a list of.*Set it to"):
        read(MiddlewareSettings)


@pytest.mark.parametrize(("path", "status"), [("/broken", 500), ("/sized/many", 422)])
async def test_error_has_cors_headers(make_client: MakeClient, path: str, status: int) -> None:
    client = make_client(CORS_ORIGINS=ORIGIN)
    response = await client.get(path, headers={"Origin": ORIGIN})
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


async def test_cors_wildcard_origin_allows_no_credentials(make_client: MakeClient) -> None:
    response = await make_client(CORS_ORIGINS="*").get("/nowhere", headers={"Origin": ORIGIN})
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://blog.test"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:5173"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://test"}, 200),
        ({}, 200),
    ],
)
async def test_write_by_page_of_other_origin_returns_403(
    make_client: MakeClient, headers: dict[str, str], status: int
) -> None:
    client = make_client(CORS_ORIGINS=ORIGIN)
    form = {"Content-Type": "text/plain"} | headers
    assert (await client.post("/kept", content=b"text", headers=form)).status_code == status
    assert (await client.get("/sized/1", headers=headers)).status_code == 200


async def test_write_from_any_origin_is_allowed_with_cors_wildcard(
    make_client: MakeClient,
) -> None:
    client = make_client(CORS_ORIGINS="*")
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert (await client.post("/kept", content=b"text", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://a.example/", "https://a.example"),
        ("HTTPS://A.Example", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
    ],
)
def test_cors_origin_is_read_as_browsers_send_it(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", value)
    assert read(MiddlewareSettings).cors_origins == (expected,)


@pytest.mark.parametrize(
    "value",
    [
        "a.example",
        "https://",
        "https://a.example/app",
        "https://*.a.example",
        "https://u@a.example",
        "https://:443",
        "https://a:x",
        "https://a:443:443",
        'https://a"b',
        "<https://a.example",
    ],
)
def test_cors_origin_that_matches_no_browser_is_rejected(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", value)
    with pytest.raises(ConfigurationError, match=r"^CORS_ORIGINS: It must list origins.*Set it to"):
        read(MiddlewareSettings)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("A.Example.", "a.example"),
        ("*.a.example", "*.a.example"),
        ("*", "*"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1],localhost", "[::1],localhost"),
        ('["a.example", "::1"]', "a.example,[::1]"),
        ("2001:DB8::1", "[2001:db8::1]"),
    ],
)
def test_trusted_host_is_read_in_lower_case(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("TRUSTED_HOSTS", value)
    assert ",".join(read(MiddlewareSettings).trusted_hosts) == expected


@pytest.mark.parametrize(
    "value", ["https://a.example", "a.example:8000", "a.example/", ".a.example", "a b", "*."]
)
def test_trusted_host_that_matches_no_request_is_rejected(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TRUSTED_HOSTS", value)
    with pytest.raises(ConfigurationError, match=r"^TRUSTED_HOSTS: It must list host names"):
        read(MiddlewareSettings)


def test_cors_origin_null_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"{ORIGIN},null")
    with pytest.raises(ConfigurationError, match=r"^CORS_ORIGINS: It contains null.*Set it to"):
        read(MiddlewareSettings)


async def test_cors_rejects_other_origin(make_client: MakeClient) -> None:
    client = make_client(CORS_ORIGINS=ORIGIN)
    response = await client.get("/health/live", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_long_response_is_compressed_if_client_accepts_gzip(client: AsyncClient) -> None:
    for accepted, encoding in {"gzip": "gzip", "identity": None}.items():
        response = await client.get("/openapi.json", headers={"Accept-Encoding": accepted})
        assert response.headers.get("Content-Encoding") == encoding
    small = await client.get("/health/live", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


async def test_responses_of_one_kib_or_more_are_compressed(make_client: MakeClient) -> None:
    client = make_client()
    for size, encoding in {1023: None, 1024: "gzip"}.items():
        response = await client.get(f"/sized/{size}", headers={"Accept-Encoding": "gzip"})
        assert response.headers.get("Content-Encoding") == encoding


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
async def test_every_response_has_security_headers(
    jot_client: AsyncClient, method: str, path: str, status: int
) -> None:
    response = await jot_client.request(method, path)
    assert (response.status_code, security_headers(response)) == (status, SECURITY_HEADERS)


async def test_rejected_requests_have_security_headers(make_client: MakeClient) -> None:
    client = make_client(BODY_LIMIT="10", TRUSTED_HOSTS="test", CORS_ORIGINS=ORIGIN)
    preflight = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    for response, status in {
        await client.options(URL, headers=preflight): 200,
        await client.get("/broken", headers={"Host": "evil.example"}): 400,
        await client.post(URL, content=b"x" * 11): 413,
        await client.get("/broken"): 500,
    }.items():
        assert (response.status_code, security_headers(response)) == (status, SECURITY_HEADERS)


async def test_rejected_websocket_handshake_has_security_headers() -> None:
    async def reject(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 404})

    scope = {"type": "websocket", "scheme": "ws", "path": "/"}
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await SecurityHeaders(reject, hsts_seconds=0)(scope, noop, send)
    assert {value.encode() for value in SECURITY_HEADERS.values()} <= set(
        dict(sent[0]["headers"]).values()
    )


async def test_security_header_set_by_route_is_not_overwritten(make_client: MakeClient) -> None:
    response = await make_client().get("/framed")
    assert security_headers(response) == SECURITY_HEADERS | {"X-Frame-Options": "SAMEORIGIN"}


@pytest.mark.parametrize(
    ("url", "seconds", "header"),
    [
        ("https://test/nowhere", "60", "max-age=60; includeSubDomains"),
        ("https://test/nowhere", "0", None),
        ("http://test/nowhere", "60", None),
    ],
)
async def test_hsts_header_is_sent_only_on_https(
    make_client: MakeClient, url: str, seconds: str, header: str | None
) -> None:
    response = await make_client(HSTS_SECONDS=seconds).get(url)
    assert response.headers.get(HSTS) == header


async def test_hsts_max_age_defaults_to_one_year(client: AsyncClient) -> None:
    response = await client.get("https://test/nowhere")
    assert response.headers[HSTS] == "max-age=31536000; includeSubDomains"
