"""The server: whom it believes, what it refuses, what it logs, and how it leaves."""

import asyncio
import gc
import json
import re
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import product
from types import SimpleNamespace

import pytest
import uvicorn
from fastapi import FastAPI
from httpx2 import AsyncClient, TransportError

from app import health, server, settings
from app.main import create_app
from app.server import Server, ServerSettings
from tests.support.live_server import Live, calling, output, running, serving
from tests.support.sample_resource import URL, payload
from tests.support.timeouts import DEADLINE

CALLERS = 8
HERE = "127.0.0.1"  # where the tests call from
PROXIES = "FORWARDED_ALLOW_IPS"
# A body of five bytes, or of no chunk at all; and behind it, what could be taken for a request.
BODY = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
SIZED = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

Behind = Callable[..., AbstractAsyncContextManager[AsyncClient]]
Seen = Callable[[AsyncClient, bytes, bytes], Awaitable[tuple[str, bool]]]


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> Behind:
    """Serve on a real socket, behind proxies of these addresses; the tests are one at `HERE`."""
    _ = shared_url

    @asynccontextmanager
    async def serve(*proxies: str) -> AsyncGenerator[AsyncClient, None]:
        if proxies:
            monkeypatch.setenv(PROXIES, ",".join(proxies))
        async with serving(create_app()) as port, calling(port) as client:
            yield client

    return serve


@pytest.fixture
def seen(capsys: pytest.CaptureFixture[str]) -> Seen:
    """Call, with what a proxy would add; give the client in the log, and whether over https."""

    async def call(client: AsyncClient, addresses: bytes, scheme: bytes) -> tuple[str, bool]:
        headers = {b"X-Forwarded-For": addresses, b"X-Forwarded-Proto": scheme}
        answered = await client.get("/nowhere", headers=headers)
        assert answered.status_code == 404
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        return line["client"], "Strict-Transport-Security" in answered.headers

    return call


async def test_a_proxy_is_believed(behind: Behind, seen: Seen) -> None:
    async with behind(HERE) as client:
        assert await seen(client, b"203.0.113.9", b"https") == ("203.0.113.9", True)
        assert await seen(client, b"203.0.113.9", b"http") == ("203.0.113.9", False)


async def test_a_stranger_is_not_believed(behind: Behind, seen: Seen) -> None:
    async with behind("10.0.0.0/8", "::1") as client:
        assert await seen(client, b"203.0.113.9", b"https") == (HERE, False)


async def test_the_last_address_that_is_no_proxy_is_the_client(behind: Behind, seen: Seen) -> None:
    async with behind(HERE, "10.0.0.0/8") as client:
        forwarded = b"198.51.100.1, 203.0.113.9, 10.0.0.1"
        assert await seen(client, forwarded, b"https") == ("203.0.113.9", True)


async def test_unless_told_otherwise_only_this_machine_is_a_proxy(
    behind: Behind, seen: Seen
) -> None:
    async with behind() as client:
        assert await seen(client, b"203.0.113.9, 10.0.0.1", b"https") == ("10.0.0.1", True)


async def test_what_a_proxy_garbles_breaks_nothing(behind: Behind, seen: Seen) -> None:
    addresses = [b"", b",", b"[::1", b"[::1]:x", b"1.2.3.4:x", b"\xff" * 999]
    schemes = [b"", b"gopher", b"https, http", b"\xff"]
    async with behind(HERE) as client:
        for address, scheme in product(addresses, schemes):
            assert (await seen(client, address, scheme))[1] is False, (address, scheme)


@pytest.mark.parametrize("proxies", ["nginx", "10.0.0.1/8", "10.0.0.1 10.0.0.2"])
def test_a_proxy_without_an_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, proxies: str
) -> None:
    monkeypatch.setenv(PROXIES, proxies)
    with pytest.raises(settings.ConfigurationError, match=PROXIES):
        settings.read(ServerSettings)


def test_a_port_is_a_number_of_sixteen_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "65535")
    assert settings.read(ServerSettings).port == 65_535
    monkeypatch.setenv("PORT", "65536")
    with pytest.raises(settings.ConfigurationError, match="PORT"):
        settings.read(ServerSettings)


@pytest.fixture
def bare() -> FastAPI:
    """Build a service of which only its readiness is there."""
    app = FastAPI()
    health.install(app)
    return app


def test_a_server_is_set_up_as_the_environment_says(
    bare: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Server(bare, settings.read(ServerSettings))
    config = made.config
    assert (config.host, config.port) == ("127.0.0.1", 8000)
    assert (made.drain_seconds, config.timeout_graceful_shutdown) == (5, 20)
    assert (config.log_config, config.access_log, config.server_header) == (None, False, False)
    given = {"HOST": "::1", "PORT": "0", "DRAIN_SECONDS": "0.5", "GRACE_SECONDS": "3", PROXIES: "*"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    bare.state.server_options = {"ws_max_size": 7}
    made = Server(bare, settings.read(ServerSettings))
    config = made.config
    assert (config.host, config.port, config.forwarded_allow_ips) == ("::1", 0, ["*"])
    assert (made.drain_seconds, config.timeout_graceful_shutdown) == (0.5, 3)
    assert config.ws_max_size == 7


def test_to_serve_is_to_run_the_service_until_a_signal(
    bare: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[FastAPI] = []
    monkeypatch.setattr(server, "create_app", lambda: bare)
    monkeypatch.setattr(Server, "run", lambda self: ran.append(self.app))
    server.serve()
    assert ran == [bare]


async def test_what_is_there_at_the_start_is_not_looked_at_again(
    bare: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def startup(_: Server, sockets: object) -> None:
        done.append(f"start {sockets}")

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    for name in ("collect", "freeze"):
        monkeypatch.setattr(gc, name, partial(done.append, name))
    await Server(bare, ServerSettings()).startup()
    assert done == ["start None", "collect", "freeze"]


@pytest.mark.parametrize(("forced_after", "seconds"), [(99, 5.0), (2, 0.2), (0, 0.0)])
async def test_a_server_lets_others_look_elsewhere_before_it_stops(
    bare: FastAPI, monkeypatch: pytest.MonkeyPatch, forced_after: int, seconds: float
) -> None:
    readiness = health.readiness(bare)
    made = Server(bare, ServerSettings(drain_seconds=5))
    made.force_exit = not forced_after
    slept: list[float] = []
    stopped: list[bool] = []

    async def sleep(span: float) -> None:
        assert (readiness.draining, readiness.leaving.is_set()) == (True, False)
        slept.append(span)
        made.force_exit = len(slept) == forced_after

    async def shutdown(_: Server, __: object) -> None:
        stopped.append(readiness.leaving.is_set())

    monkeypatch.setattr(server, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(uvicorn.Server, "shutdown", shutdown)
    await made.shutdown()
    assert sum(slept) == pytest.approx(seconds)
    assert stopped == [True]


@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        (SIZED, [404, 200]),
        (CHUNKED, [404, 200]),
        (SIZED + CHUNKED, [400]),
        (CHUNKED + SIZED, [400]),
        (SIZED + b"Content-Length: 6\r\n", [400]),
        (b"Content-Length: 5, 6\r\n", [400]),
        (b"Content-Length : 5\r\n", [400]),
        (b"Transfer-Encoding: chunked, identity\r\n", [400]),
        (b"X-Tea: green\n" + SIZED, [400]),
        (b"X-Tea: green\r" + SIZED, [400]),
        (b"X-Tea: green\r\n black\r\n" + SIZED, [400]),
    ],
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused(
    live: Live, headers: bytes, statuses: list[int]
) -> None:
    reader, writer = await asyncio.open_connection(HERE, live.port)
    writer.write(b"POST /nowhere HTTP/1.1\r\nHost: test\r\n" + headers + b"\r\n" + BODY)
    answers = await asyncio.wait_for(reader.read(), DEADLINE)
    writer.close()
    assert [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answers)] == statuses


async def lines(process: Process) -> list[dict[str, object]]:
    """Wait for the end, and read every line of the log."""
    told, errors = await output(process)
    assert errors == b"", errors.decode()
    return [json.loads(line) for line in told.splitlines()]


async def call(client: AsyncClient, balanced: asyncio.Event, counts: dict[str, int]) -> None:
    """Call, like one of many clients behind a load balancer."""
    while not balanced.is_set():
        try:
            answered = await client.post(URL, json=payload())
            counts["lost"] += answered.status_code != 201
        except TransportError:
            counts["lost"] += 1
        counts["calls"] += 1


async def balance(client: AsyncClient, balanced: asyncio.Event) -> None:
    """Look at readiness, and send nobody here once it is lost."""
    while (await client.get("/health/ready")).is_success:
        await asyncio.sleep(0.05)
    balanced.set()


@pytest.mark.drill
async def test_a_server_that_is_told_to_stop_loses_no_request(database_url: str) -> None:
    counts, balanced = {"calls": 0, "lost": 0}, asyncio.Event()
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "10"}
    async with running("tests.support.sample_resource", **environment) as (process, client):
        async with asyncio.TaskGroup() as callers:
            logging = callers.create_task(lines(process))  # or it would wait for a full pipe
            for _ in range(CALLERS):
                callers.create_task(call(client, balanced, counts))
            while counts["calls"] < CALLERS:
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            told = counts["calls"]
            await balance(client, balanced)
        logged = logging.result()
    assert counts["lost"] == 0, counts
    assert counts["calls"] > told > 0
    assert process.returncode == -signal.SIGTERM
    assert logged[-1]["event"].startswith("Finished server process")  # type: ignore[attr-defined]


@pytest.mark.drill
async def test_every_line_of_a_run_is_json(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "0"}
    async with running("tests.support.sample_resource", **environment) as (process, client):
        answered = await client.get(URL)
        process.send_signal(signal.SIGTERM)
        logged = await lines(process)
    (line,) = [line for line in logged if URL in json.dumps(line)]
    assert line["event"] == "request"
    assert line["request_id"] == answered.headers["X-Request-ID"]
    assert {line["level"] for line in logged} == {"info"}
