"""Tests of the command that a container runs as its health check."""

import asyncio
import os
import sys

import pytest
from fastapi import FastAPI

from app import health, healthcheck
from tests.support.live_server import Live, free_port, has_ipv6, spawned, started


async def exit_status(port: int, host: str = "") -> int:
    """Run the health check against an address; return its exit status."""
    command = (sys.executable, "-m", "app.healthcheck")
    environment = os.environ | {"HOST": host, "PORT": str(port)}
    async with spawned(*command, env=environment) as process:
        return await process.wait()


async def test_health_check_of_running_service_succeeds(live: Live) -> None:
    assert await exit_status(live.port) == 0


@pytest.mark.skipif(not has_ipv6(), reason="the machine has no IPv6")
async def test_health_check_of_server_on_ipv6_succeeds() -> None:
    app, port = FastAPI(), free_port()
    health.install(app)
    async with started(app, "::1", port):
        assert [await exit_status(port, host) for host in ("::1", "::", "")] == [0, 0, 1]


async def test_health_check_of_unused_port_fails() -> None:
    assert await exit_status(1) == 1


async def test_health_check_fails_on_error_response() -> None:
    async def reject(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(reject, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(healthcheck.is_alive, "127.0.0.1", port) is False


async def test_health_check_of_silent_service_times_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(healthcheck, "TIMEOUT", 0.1)
    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(healthcheck.is_alive, "127.0.0.1", port) is False
