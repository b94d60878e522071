"""Tests of the command that a container runs as its health check."""

import asyncio
import os
import sys

import pytest

from app import healthcheck
from tests.support.live_server import Live, spawned


async def exit_status(port: int) -> int:
    """Run the health check against a port; return its exit status."""
    command = (sys.executable, "-m", "app.healthcheck")
    async with spawned(*command, env=os.environ | {"PORT": str(port)}) as process:
        return await process.wait()


async def test_health_check_of_running_service_succeeds(live: Live) -> None:
    assert await exit_status(live.port) == 0


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
