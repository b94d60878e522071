"""Tests of rate limits: headers, 429 and Retry-After, callers, and outages of Valkey."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Header
from httpx2 import ASGITransport, AsyncClient, Response
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import Request

from app import ratelimit
from app.errors import NotFound
from app.main import create_app
from app.settings import ConfigurationError
from development.memory import shared_memory
from development.valkey import running_in, url
from tests.support import valkey
from tests.support.live_server import calling, lifespan, serving
from tests.support.timeouts import DEADLINE

pytestmark = pytest.mark.usefixtures("json_logs")

MakeApp = Callable[..., FastAPI]
ADDRESS, OTHER_ADDRESS = "192.0.2.1", "192.0.2.2"

router = APIRouter()


@router.get("/hello")
async def hello() -> str:
    return "hello"


@router.get("/login", include_in_schema=False)  # the service may have a route of this path
async def login() -> str:
    return "welcome"


@router.get("/rare", dependencies=[Depends(ratelimit.limited("1/hour"))])
async def rare() -> str:
    return "again"


@router.get("/nothing")
async def nothing() -> str:
    raise NotFound("Not found.")


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> MakeApp:
    """Return a function that creates the service with rate limits and test routes."""
    _ = shared_url

    def make(**environment: str) -> FastAPI:
        for name, value in {"ENABLED": "true", **environment}.items():
            monkeypatch.setenv(f"RATELIMIT_{name}", value)
        app = create_app()
        app.include_router(router)
        return app

    return make


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Yield the URL of a Valkey that several services share."""
    with valkey.server() as server_url:
        yield server_url


@pytest.fixture
def directory() -> Generator[Path, None, None]:
    """Yield a data directory for a Valkey server that the test starts and stops."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as path:
        yield Path(path)


async def get(app: FastAPI, path: str, address: str = ADDRESS, **headers: str) -> Response:
    """Send a request from an IP address."""
    transport = ASGITransport(app, client=(address, 50000))
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


async def statuses(app: FastAPI, *calls: tuple[str, str]) -> list[int]:
    """Send requests to paths from IP addresses; return the statuses."""
    return [(await get(app, path, address)).status_code for path, address in calls]


async def test_rate_limit_headers_report_remaining_requests(make_app: MakeApp) -> None:
    app = make_app(DEFAULT="3/hour")
    for remaining in (2, 1):
        response = await get(app, "/hello")
        assert response.headers["RateLimit-Policy"] == '"default";q=3;w=3600'
        state, _, seconds = response.headers["RateLimit"].rpartition("=")
        assert state == f'"default";r={remaining};t'
        assert 0 < int(seconds) <= 3600
    failed = await get(app, "/nothing")
    assert failed.status_code == 404
    assert failed.headers["RateLimit"].startswith('"default";r=0;')


async def test_requests_on_one_connection_have_separate_rate_limit_headers(
    make_app: MakeApp,
) -> None:
    async with serving(make_app(DEFAULT="3/hour")) as port, calling(port) as client:
        headers = [(await client.get("/hello")).headers["RateLimit"] for _ in range(2)]
    assert [each.partition(";t=")[0] for each in headers] == ['"default";r=2', '"default";r=1']
    assert not any("," in each for each in headers)


async def test_cors_exposes_rate_limit_headers(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    response = await get(make_app(), "/hello", Origin="https://shop.example")
    exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


async def test_exceeded_rate_limit_returns_429_with_retry_after(make_app: MakeApp) -> None:
    app = make_app(DEFAULT="1/hour")
    assert (await get(app, "/hello")).status_code == 200
    limited = await get(app, "/hello")
    assert limited.headers["Content-Type"] == "application/problem+json"
    assert (limited.status_code, limited.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(limited.headers["Retry-After"]) <= 3600
    assert limited.headers["RateLimit"].startswith('"default";r=0;')


async def test_requests_are_counted_per_ip_address(make_app: MakeApp) -> None:
    app = make_app(DEFAULT="1/hour")
    calls = [("/hello", ADDRESS), ("/hello", OTHER_ADDRESS), ("/hello", ADDRESS)]
    assert await statuses(app, *calls) == [200, 200, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", ADDRESS, True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
async def test_ipv6_requests_are_counted_per_network(
    make_app: MakeApp, one: str, other: str, *, same: bool
) -> None:
    app = make_app(DEFAULT="1/hour")
    assert await statuses(app, ("/hello", one), ("/hello", other)) == [200, 429 if same else 200]


def with_callers(app: FastAPI) -> FastAPI:
    """Add a dependency that sets the caller from the header `Name` before rate limits apply."""

    async def set_caller(request: Request, name: Annotated[str, Header()] = "") -> None:
        request.state.caller = name

    app.router.dependencies.insert(0, Depends(set_caller))
    app.include_router(router, prefix="/callers")
    return app


async def test_authenticated_requests_are_counted_per_caller(make_app: MakeApp) -> None:
    app = with_callers(make_app(DEFAULT="1/hour"))
    names = ["ann", "bob", "", "ann"]
    results = [(await get(app, "/callers/hello", name=name)).status_code for name in names]
    assert results == [200, 200, 200, 429]
    assert (await get(app, "/callers/hello", OTHER_ADDRESS, name="ann")).status_code == 429


async def test_login_requests_are_counted_per_ip_address(make_app: MakeApp) -> None:
    app = with_callers(make_app(ROUTES="login=1/hour"))
    names = ["ann", "bob"]
    results = [(await get(app, "/callers/login", name=name)).status_code for name in names]
    assert results == [200, 429]


async def test_login_rate_defaults_to_ten_requests(make_app: MakeApp) -> None:
    app = make_app(ROUTES="hello=2/hour")
    # More requests than the limit of 10: the window may slide meanwhile.
    results = await statuses(app, *[("/login", ADDRESS)] * 13)
    assert (results[:10], results[-1]) == ([200] * 10, 429)
    app = make_app(ROUTES="login=20/hour")
    assert await statuses(app, *[("/login", ADDRESS)] * 11) == [200] * 11


async def test_route_limit_applies_in_addition_to_default_limit(make_app: MakeApp) -> None:
    app = make_app(ROUTES="hello=1/hour")
    assert await statuses(app, *[("/hello", ADDRESS)] * 2, ("/rare", ADDRESS)) == [200, 429, 200]
    limited = await get(app, "/rare")
    assert limited.status_code == 429
    assert limited.headers["RateLimit-Policy"] == '"default";q=300;w=60, "rare";q=1;w=3600'


@pytest.mark.parametrize(("trusted", "expected"), [("10.0.0.1", 429), ("127.0.0.1", 200)])
async def test_forwarded_address_counts_only_behind_trusted_proxy(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, trusted: str, expected: int
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    async with serving(make_app(DEFAULT="1/hour")) as port, calling(port) as client:
        first = await client.get("/hello", headers={"X-Forwarded-For": ADDRESS})
        second = await client.get("/hello", headers={"X-Forwarded-For": OTHER_ADDRESS})
    assert (first.status_code, second.status_code) == (200, expected)


@pytest.mark.parametrize("prefix", ["", "/shop"])
async def test_health_probes_and_documentation_are_not_rate_limited(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv("ROOT_PATH", prefix)
    app = make_app(DEFAULT="1/hour")
    calls = [(path, ADDRESS) for path in ("/health/live", "/docs", "/openapi.json")]
    assert await statuses(app, *calls * 2) == [200] * 6


async def test_disabled_rate_limits_allow_all_requests(make_app: MakeApp) -> None:
    app = make_app(DEFAULT="1/hour", ENABLED="false")
    assert await statuses(app, *[("/rare", ADDRESS)] * 2) == [200, 200]
    assert "RateLimit" not in (await get(app, "/hello")).headers


def test_openapi_describes_429_response_for_limited_routes(make_app: MakeApp) -> None:
    for path, operations in make_app(ENABLED="false").openapi()["paths"].items():
        for operation in operations.values():
            assert ("429" in operation["responses"]) is not path.startswith("/health/"), path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEFAULT", "s3cr3t"),
        ("DEFAULT", "0/minute"),
        ("DEFAULT", "5/minute;s3cr3t/hour"),
        ("ROUTES", "login"),
        ("ROUTES", "login=s3cr3t"),
        ("URL", "s3cr3t"),
        ("URL", "http://:s3cr3t@localhost"),
        ("URL", "redis://:s3cr3t@localhost:port"),
    ],
)
def test_invalid_rate_limit_setting_error_hides_value(
    make_app: MakeApp, name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"RATELIMIT_{name}: .* Set it to") as caught:
        make_app(**{name: value})
    assert "s3cr3t" not in str(caught.value)


async def test_processes_share_request_counts_in_valkey(
    make_app: MakeApp, server: str, directory: Path
) -> None:
    address = directory.name  # unique: other tests use the same server
    one, other = (make_app(DEFAULT="2/hour", URL=server) for _ in range(2))
    async with lifespan(one), lifespan(other):
        responses = [(await get(app, "/hello", address)) for app in (one, other, one)]
    assert [each.status_code for each in responses] == [200, 200, 429]
    assert responses[1].headers["RateLimit"].startswith('"default";r=0;')


def warnings(logs: str) -> list[str]:
    """Return the warnings that the service logged, without those of libraries."""
    lines = [json.loads(line) for line in logs.splitlines()]
    events = [line for line in lines if "logger" not in line]
    return [line["event"] for line in events if line["level"] == "warning"]


async def concurrent_statuses(app: FastAPI, times: int = 5) -> set[int]:
    """Send requests concurrently; return the statuses."""
    responses = await asyncio.gather(*(get(app, "/hello") for _ in range(times)))
    return {each.status_code for each in responses}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the clock of the retry delay; the test sets its time as `now`."""
    fake = SimpleNamespace(now=time.monotonic(), time=time.time)
    fake.monotonic = lambda: fake.now
    monkeypatch.setattr(ratelimit, "time", fake)
    return fake


@pytest.fixture
def hits(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Record the calls that count a request in Valkey."""
    calls: list[object] = []
    hit = SlidingWindowCounterRateLimiter.hit

    async def recording_hit(*arguments: Any) -> bool:  # noqa: ANN401
        calls.append(arguments)
        return await hit(*arguments)

    monkeypatch.setattr(SlidingWindowCounterRateLimiter, "hit", recording_hit)
    return calls


async def test_valkey_outage_disables_rate_limits_temporarily(
    make_app: MakeApp,
    directory: Path,
    clock: SimpleNamespace,
    hits: list[object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = make_app(DEFAULT="1/hour", URL=url(directory))
    async with lifespan(app):
        with running_in(directory):
            assert await statuses(app, *[("/hello", ADDRESS)] * 2) == [200, 429]
        assert await concurrent_statuses(app) == {200}
        for _ in range(3):
            clock.now += ratelimit.RETRY_DELAY + 1
            hits.clear()
            assert await concurrent_statuses(app) == {200}
            assert len(hits) == 1  # one request tries Valkey; the others pass
        assert warnings(capsys.readouterr().out) == ["ratelimit_unavailable"]
        with running_in(directory):
            clock.now += ratelimit.RETRY_DELAY + 1
            assert await statuses(app, *[("/hello", ADDRESS)] * 2) == [200, 429]


async def test_silent_valkey_delays_only_first_requests(
    make_app: MakeApp,
    directory: Path,
    clock: SimpleNamespace,
    hits: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _ = clock
    app = make_app(DEFAULT="1/hour", URL=url(directory))
    async with lifespan(app):
        with running_in(directory) as process:
            assert await statuses(app, *[("/hello", ADDRESS)] * 2) == [200, 429]
            monkeypatch.setattr(ratelimit, "TIMEOUT", 0.5)
            process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(DEADLINE / 2):  # shorter than the timeout of the client
                assert await concurrent_statuses(app) == {200}
                hits.clear()
                assert await concurrent_statuses(app) == {200}
                assert hits == []
