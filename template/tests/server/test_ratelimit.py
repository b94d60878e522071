"""Rate limits: what is left is told, too much is refused, and an outage holds nobody up."""

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

Made = Callable[..., FastAPI]
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"

router = APIRouter()


@router.get("/hello")
async def hello() -> str:
    return "hello"


@router.get("/login", include_in_schema=False)  # for there may be another
async def login() -> str:
    return "welcome"


@router.get("/rare", dependencies=[Depends(ratelimit.limited("1/hour"))])
async def rare() -> str:
    return "again"


@router.get("/nothing")
async def nothing() -> str:
    raise NotFound("There is nothing.")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> Made:
    """Build the service with limits, and with routes that ask nothing of its database."""
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
    """Name a Valkey that keeps the counts of several."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def place() -> Generator[Path, None, None]:
    """Give a Valkey of one test a place, at which it can end and come back."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as found:
        yield Path(found)


async def get(app: FastAPI, path: str, address: str = HERE, **headers: str) -> Response:
    """Call the service from an address."""
    transport = ASGITransport(app, client=(address, 50000))
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


async def statuses(app: FastAPI, *calls: tuple[str, str]) -> list[int]:
    """Call paths from addresses, one after the other."""
    return [(await get(app, path, address)).status_code for path, address in calls]


async def test_what_is_left_is_told(made: Made) -> None:
    app = made(DEFAULT="3/hour")
    for remaining in (2, 1):
        answered = await get(app, "/hello")
        assert answered.headers["RateLimit-Policy"] == '"default";q=3;w=3600'
        left, _, seconds = answered.headers["RateLimit"].rpartition("=")
        assert left == f'"default";r={remaining};t'
        assert 0 < int(seconds) <= 3600
    failed = await get(app, "/nothing")
    assert failed.status_code == 404
    assert failed.headers["RateLimit"].startswith('"default";r=0;')


async def test_an_answer_tells_of_its_own_request_only(made: Made) -> None:
    async with serving(made(DEFAULT="3/hour")) as port, calling(port) as client:
        told = [(await client.get("/hello")).headers["RateLimit"] for _ in range(2)]
    assert [each.partition(";t=")[0] for each in told] == ['"default";r=2', '"default";r=1']
    assert not any("," in each for each in told)


async def test_a_page_of_another_origin_may_read_what_is_left(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    answered = await get(made(), "/hello", Origin="https://shop.example")
    exposed = answered.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)


async def test_too_much_is_refused_as_a_problem(made: Made) -> None:
    app = made(DEFAULT="1/hour")
    assert (await get(app, "/hello")).status_code == 200
    refused = await get(app, "/hello")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["RateLimit"].startswith('"default";r=0;')


async def test_each_address_has_a_count_of_its_own(made: Made) -> None:
    app = made(DEFAULT="1/hour")
    calls = [("/hello", HERE), ("/hello", ELSEWHERE), ("/hello", HERE)]
    assert await statuses(app, *calls) == [200, 200, 429]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", HERE, True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
async def test_addresses_of_one_household_are_one(
    made: Made, one: str, other: str, *, same: bool
) -> None:
    app = made(DEFAULT="1/hour")
    assert await statuses(app, ("/hello", one), ("/hello", other)) == [200, 429 if same else 200]


def known(app: FastAPI) -> FastAPI:
    """Have a dependency before the limits say who calls."""

    async def introduce(request: Request, name: Annotated[str, Header()] = "") -> None:
        request.state.caller = name

    app.router.dependencies.insert(0, Depends(introduce))
    app.include_router(router, prefix="/known")
    return app


async def test_each_caller_who_is_known_has_a_count_of_its_own(made: Made) -> None:
    app = known(made(DEFAULT="1/hour"))
    names = ["ann", "bob", "", "ann"]
    answered = [(await get(app, "/known/hello", name=name)).status_code for name in names]
    assert answered == [200, 200, 200, 429]
    assert (await get(app, "/known/hello", ELSEWHERE, name="ann")).status_code == 429


async def test_signing_in_counts_addresses_whoever_calls(made: Made) -> None:
    app = known(made(ROUTES="login=1/hour"))
    names = ["ann", "bob"]
    answered = [(await get(app, "/known/login", name=name)).status_code for name in names]
    assert answered == [200, 429]


async def test_signing_in_is_limited_unless_another_rate_is_set(made: Made) -> None:
    app = made(ROUTES="hello=2/hour")
    answers = await statuses(app, *[("/login", HERE)] * 13)  # a minute may end meanwhile
    assert (answers[:10], answers[-1]) == ([200] * 10, 429)
    app = made(ROUTES="login=20/hour")
    assert await statuses(app, *[("/login", HERE)] * 11) == [200] * 11


async def test_a_route_has_a_rate_of_its_own(made: Made) -> None:
    app = made(ROUTES="hello=1/hour")
    assert await statuses(app, *[("/hello", HERE)] * 2, ("/rare", HERE)) == [200, 429, 200]
    refused = await get(app, "/rare")
    assert refused.status_code == 429
    assert refused.headers["RateLimit-Policy"] == '"default";q=300;w=60, "rare";q=1;w=3600'


@pytest.mark.parametrize(("trusted", "expected"), [("10.0.0.1", 429), ("127.0.0.1", 200)])
async def test_only_a_trusted_proxy_names_the_address(
    made: Made, monkeypatch: pytest.MonkeyPatch, trusted: str, expected: int
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    async with serving(made(DEFAULT="1/hour")) as port, calling(port) as client:
        first = await client.get("/hello", headers={"X-Forwarded-For": HERE})
        second = await client.get("/hello", headers={"X-Forwarded-For": ELSEWHERE})
    assert (first.status_code, second.status_code) == (200, expected)


async def test_probes_and_documentation_are_not_limited(made: Made) -> None:
    app = made(DEFAULT="1/hour")
    calls = [(path, HERE) for path in ("/health/live", "/docs", "/openapi.json")]
    assert await statuses(app, *calls * 2) == [200] * 6


async def test_limits_can_be_off(made: Made) -> None:
    app = made(DEFAULT="1/hour", ENABLED="false")
    assert await statuses(app, *[("/rare", HERE)] * 2) == [200, 200]
    assert "RateLimit" not in (await get(app, "/hello")).headers


def test_the_description_says_that_there_are_limits(made: Made) -> None:
    for path, operations in made(ENABLED="false").openapi()["paths"].items():
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
def test_a_bad_setting_is_told_by_name_and_mend(made: Made, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"RATELIMIT_{name}: .* Set it to") as caught:
        made(**{name: value})
    assert "s3cr3t" not in str(caught.value)


async def test_processes_share_what_valkey_counts(made: Made, server: str, place: Path) -> None:
    here = place.name  # an address that no other test calls from
    one, other = (made(DEFAULT="2/hour", URL=server) for _ in range(2))
    async with lifespan(one), lifespan(other):
        answered = [(await get(app, "/hello", here)) for app in (one, other, one)]
    assert [each.status_code for each in answered] == [200, 200, 429]
    assert answered[1].headers["RateLimit"].startswith('"default";r=0;')


def warnings(told: str) -> list[str]:
    """List the warnings of the service itself among lines of the log."""
    lines = [json.loads(line) for line in told.splitlines()]
    own = [line for line in lines if "logger" not in line]
    return [line["event"] for line in own if line["level"] == "warning"]


async def at_once(app: FastAPI, times: int = 5) -> set[int]:
    """Call several times at once."""
    answered = await asyncio.gather(*(get(app, "/hello") for _ in range(times)))
    return {each.status_code for each in answered}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stop the clock by which a lost Valkey is asked again; `now` moves it."""
    stopped = SimpleNamespace(now=time.monotonic(), time=time.time)
    stopped.monotonic = lambda: stopped.now
    monkeypatch.setattr(ratelimit, "time", stopped)
    return stopped


@pytest.fixture
def hits(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """List what Valkey is asked to count."""
    seen: list[object] = []
    hit = SlidingWindowCounterRateLimiter.hit

    async def noted(*given: Any) -> bool:  # noqa: ANN401
        seen.append(given)
        return await hit(*given)

    monkeypatch.setattr(SlidingWindowCounterRateLimiter, "hit", noted)
    return seen


async def test_an_outage_holds_nobody_up_and_ends_by_itself(
    made: Made,
    place: Path,
    clock: SimpleNamespace,
    hits: list[object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = made(DEFAULT="1/hour", URL=url(place))
    async with lifespan(app):
        with running_in(place):
            assert await statuses(app, *[("/hello", HERE)] * 2) == [200, 429]
        assert await at_once(app) == {200}
        for _ in range(3):
            clock.now += ratelimit.PAUSE + 1
            hits.clear()
            assert await at_once(app) == {200}
            assert len(hits) == 1  # one request asks; the others go on
        assert len(warnings(capsys.readouterr().out)) == 1
        with running_in(place):
            clock.now += ratelimit.PAUSE + 1
            assert await statuses(app, *[("/hello", HERE)] * 2) == [200, 429]


async def test_a_valkey_that_says_nothing_is_asked_once(
    made: Made,
    place: Path,
    clock: SimpleNamespace,
    hits: list[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _ = clock
    app = made(DEFAULT="1/hour", URL=url(place))
    async with lifespan(app):
        with running_in(place) as process:
            assert await statuses(app, *[("/hello", HERE)] * 2) == [200, 429]
            monkeypatch.setattr(ratelimit, "PATIENCE", 0.5)
            process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(DEADLINE / 2):  # sooner than the client gives up
                assert await at_once(app) == {200}
                hits.clear()
                assert await at_once(app) == {200}
                assert hits == []
