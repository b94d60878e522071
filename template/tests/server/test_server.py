"""Tests of the server: trusted proxies, request smuggling, logs and graceful shutdown."""

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
from tests.support.live_server import (
    Live,
    calling,
    free_port,
    has_ipv6,
    output,
    running,
    serving,
    started,
)
from tests.support.sample_resource import URL, payload
from tests.support.timeouts import DEADLINE

pytestmark = pytest.mark.usefixtures("json_logs")

CLIENTS = 8
LOCALHOST = "127.0.0.1"  # the address of the tests
PROXIES = "FORWARDED_ALLOW_IPS"
# A body of 5 bytes, or of no chunk; the rest is a smuggled request if the length is ambiguous.
BODY = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
SIZED = b"Content-Length: 5\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6")
ServeBehind = Callable[..., AbstractAsyncContextManager[AsyncClient]]
Forward = Callable[[AsyncClient, bytes, bytes], Awaitable[tuple[str, bool]]]


@pytest.fixture
def serve_behind(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> ServeBehind:
    """Return a function that starts the service with the given trusted proxies."""
    _ = shared_url

    @asynccontextmanager
    async def serve(*proxies: str) -> AsyncGenerator[AsyncClient, None]:
        if proxies:
            monkeypatch.setenv(PROXIES, ",".join(proxies))
        async with serving(create_app()) as port, calling(port) as client:
            yield client

    return serve


@pytest.fixture
def forward(capsys: pytest.CaptureFixture[str]) -> Forward:
    """Return a function that sends a request with the headers that a proxy adds.

    That function returns the client's address in the log, and whether the scheme is https.
    """

    async def call(client: AsyncClient, addresses: bytes, scheme: bytes) -> tuple[str, bool]:
        headers = {b"X-Forwarded-For": addresses, b"X-Forwarded-Proto": scheme}
        response = await client.get("/nowhere", headers=headers)
        assert response.status_code == 404
        line = json.loads(capsys.readouterr().out.splitlines()[-1])
        return line["client"], "Strict-Transport-Security" in response.headers

    return call


async def test_trusted_proxy_headers_set_client_and_scheme(
    serve_behind: ServeBehind, forward: Forward
) -> None:
    async with serve_behind(LOCALHOST) as client:
        assert await forward(client, b"203.0.113.9", b"https") == ("203.0.113.9", True)
        assert await forward(client, b"203.0.113.9", b"http") == ("203.0.113.9", False)


async def test_forwarded_headers_from_untrusted_client_are_ignored(
    serve_behind: ServeBehind, forward: Forward
) -> None:
    async with serve_behind("10.0.0.0/8", "::1") as client:
        assert await forward(client, b"203.0.113.9", b"https") == (LOCALHOST, False)


async def test_client_is_last_forwarded_address_before_trusted_proxies(
    serve_behind: ServeBehind, forward: Forward
) -> None:
    async with serve_behind(LOCALHOST, "10.0.0.0/8") as client:
        addresses = b"198.51.100.1, 203.0.113.9, 10.0.0.1"
        assert await forward(client, addresses, b"https") == ("203.0.113.9", True)


async def test_only_localhost_is_trusted_proxy_by_default(
    serve_behind: ServeBehind, forward: Forward
) -> None:
    async with serve_behind() as client:
        assert await forward(client, b"203.0.113.9, 10.0.0.1", b"https") == ("10.0.0.1", True)


async def test_malformed_forwarded_headers_are_ignored(
    serve_behind: ServeBehind, forward: Forward
) -> None:
    addresses = [b"", b",", b"[::1", b"[::1]:x", b"1.2.3.4:x", b"\xff" * 999]
    schemes = [b"", b"gopher", b"https, http", b"\xff"]
    async with serve_behind(LOCALHOST) as client:
        for address, scheme in product(addresses, schemes):
            assert (await forward(client, address, scheme))[1] is False, (address, scheme)


@needs_ipv6
async def test_server_on_ipv6_checks_host_and_trusts_proxies(
    forward: Forward, monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv(PROXIES, "::1/128,2001:db8::/32")
    monkeypatch.setenv("TRUSTED_HOSTS", "::1")
    port = free_port()
    async with started(create_app(), "::1", port), calling(port, "[::1]") as client:
        address, is_https = await forward(client, b"2001:db9::5, 2001:db8::9", b"https")
    assert (address, is_https) == ("2001:db9::5", True)


@needs_ipv6
async def test_host_of_two_colons_serves_ipv4_and_ipv6(minimal_app: FastAPI) -> None:
    port = free_port()
    async with started(minimal_app, "::", port):
        for host in ("127.0.0.1", "[::1]"):
            async with calling(port, host) as client:
                assert (await client.get("/health/live")).status_code == 200


@pytest.mark.parametrize("proxies", ["nginx", "10.0.0.1/8", "10.0.0.1 10.0.0.2"])
def test_invalid_trusted_proxy_address_is_reported(
    monkeypatch: pytest.MonkeyPatch, proxies: str
) -> None:
    monkeypatch.setenv(PROXIES, proxies)
    with pytest.raises(settings.ConfigurationError, match=PROXIES):
        settings.read(ServerSettings)


def test_port_out_of_range_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "65535")
    assert settings.read(ServerSettings).port == 65_535
    monkeypatch.setenv("PORT", "65536")
    with pytest.raises(settings.ConfigurationError, match="PORT"):
        settings.read(ServerSettings)


@pytest.mark.parametrize("value", ["*", "10.0.0.0/8,0.0.0.0/0", "::/0"])
def test_trusting_every_client_as_proxy_is_rejected_in_production(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(PROXIES, value)
    assert settings.read(ServerSettings).forwarded_allow_ips
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(settings.ConfigurationError, match=f"^{PROXIES}: It trusts every client"):
        settings.read(ServerSettings)


@pytest.fixture
def minimal_app() -> FastAPI:
    """Return a service that has only health checks."""
    app = FastAPI()
    health.install(app)
    return app


def test_server_reads_configuration_from_environment(
    minimal_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = Server(minimal_app, settings.read(ServerSettings))
    config = instance.config
    assert (config.host, config.port) == ("127.0.0.1", 8000)
    assert (instance.drain_seconds, config.timeout_graceful_shutdown) == (5, 20)
    assert (config.log_config, config.access_log, config.server_header) == (None, False, False)
    variables = {
        "HOST": "::1",
        "PORT": "0",
        "DRAIN_SECONDS": "0.5",
        "GRACE_SECONDS": "3",
        PROXIES: "*",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    minimal_app.state.server_options = {"ws_max_size": 7}
    instance = Server(minimal_app, settings.read(ServerSettings))
    config = instance.config
    assert (config.host, config.port, config.forwarded_allow_ips) == ("::1", 0, ["*"])
    assert (instance.drain_seconds, config.timeout_graceful_shutdown) == (0.5, 3)
    assert config.ws_max_size == 7


def test_serve_starts_uvicorn_server(minimal_app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    apps: list[FastAPI] = []
    monkeypatch.setattr(server, "create_app", lambda: minimal_app)
    monkeypatch.setattr(Server, "run", lambda self: apps.append(self.app))
    server.serve()
    assert apps == [minimal_app]


async def test_startup_freezes_objects_for_garbage_collector(
    minimal_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def startup(_: Server, sockets: object) -> None:
        calls.append(f"start {sockets}")

    monkeypatch.setattr(uvicorn.Server, "startup", startup)
    for name in ("collect", "freeze"):
        monkeypatch.setattr(gc, name, partial(calls.append, name))
    await Server(minimal_app, ServerSettings()).startup()
    assert calls == ["start None", "collect", "freeze"]


@pytest.mark.parametrize(("skipped_after", "seconds"), [(99, 5.0), (2, 0.2), (0, 0.0)])
async def test_shutdown_fails_readiness_before_server_stops(
    minimal_app: FastAPI, monkeypatch: pytest.MonkeyPatch, skipped_after: int, seconds: float
) -> None:
    readiness = health.readiness(minimal_app)
    instance = Server(minimal_app, ServerSettings(drain_seconds=5))
    instance.force_exit = not skipped_after
    delays: list[float] = []
    drained: list[bool] = []

    async def sleep(seconds: float) -> None:
        assert (readiness.draining, readiness.drained.is_set()) == (True, False)
        delays.append(seconds)
        instance.force_exit = len(delays) == skipped_after

    async def shutdown(_: Server, __: object) -> None:
        drained.append(readiness.drained.is_set())

    monkeypatch.setattr(server, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(uvicorn.Server, "shutdown", shutdown)
    await instance.shutdown()
    assert sum(delays) == pytest.approx(seconds)
    assert drained == [True]


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
async def test_request_smuggling_is_rejected(
    live: Live, headers: bytes, statuses: list[int]
) -> None:
    reader, writer = await asyncio.open_connection(LOCALHOST, live.port)
    writer.write(b"POST /nowhere HTTP/1.1\r\nHost: test\r\n" + headers + b"\r\n" + BODY)
    answers = await asyncio.wait_for(reader.read(), DEADLINE)
    writer.close()
    assert [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answers)] == statuses


async def log_lines(process: Process) -> list[dict[str, object]]:
    """Wait until the process exits; return the lines of its log."""
    logs, errors = await output(process)
    assert errors == b"", errors.decode()
    return [json.loads(line) for line in logs.splitlines()]


async def send_requests(
    client: AsyncClient, removed: asyncio.Event, counts: dict[str, int]
) -> None:
    """Send requests until the load balancer has removed the service."""
    while not removed.is_set():
        try:
            response = await client.post(URL, json=payload())
            counts["lost"] += response.status_code != 201
        except TransportError:
            counts["lost"] += 1
        counts["sent"] += 1


async def remove_when_unready(client: AsyncClient, removed: asyncio.Event) -> None:
    """Poll readiness as a load balancer does; set `removed` once it fails."""
    while (await client.get("/health/ready")).is_success:
        await asyncio.sleep(0.05)
    removed.set()


@pytest.mark.drill
async def test_graceful_shutdown_loses_no_request(database_url: str) -> None:
    counts, removed = {"sent": 0, "lost": 0}, asyncio.Event()
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "10"}
    async with running("tests.support.sample_resource", **environment) as (process, client):
        async with asyncio.TaskGroup() as tasks:
            logs = tasks.create_task(log_lines(process))  # a full, unread pipe blocks the service
            for _ in range(CLIENTS):
                tasks.create_task(send_requests(client, removed, counts))
            while counts["sent"] < CLIENTS:
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            before = counts["sent"]
            await remove_when_unready(client, removed)
        logged = logs.result()
    assert counts["lost"] == 0, counts
    assert counts["sent"] > before > 0
    assert process.returncode == -signal.SIGTERM
    assert logged[-1]["event"].startswith("Finished server process")  # type: ignore[attr-defined]


@pytest.mark.drill
async def test_server_process_log_contains_only_json_lines(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "0"}
    async with running("tests.support.sample_resource", **environment) as (process, client):
        response = await client.get(URL)
        process.send_signal(signal.SIGTERM)
        logged = await log_lines(process)
    (line,) = [line for line in logged if URL in json.dumps(line)]
    assert line["event"] == "request"
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert {line["level"] for line in logged} == {"info"}
