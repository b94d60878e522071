"""The image's health check, as whoever watches a container runs it."""

import asyncio
import os
import sys

import pytest

from app import healthcheck
from tests.support.live_server import Live, spawned


async def asked(port: int) -> int:
    """Run the check against a port of this machine; give its exit status."""
    command = (sys.executable, "-m", "app.healthcheck")
    async with spawned(*command, env=os.environ | {"PORT": str(port)}) as process:
        return await process.wait()


async def test_a_service_that_runs_is_found_alive(live: Live) -> None:
    assert await asked(live.port) == 0


async def test_a_port_where_nobody_listens_is_not_alive() -> None:
    assert await asked(1) == 1


async def test_a_service_that_cannot_answer_is_not_alive() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(healthcheck.alive, "127.0.0.1", port) is False


async def test_a_service_that_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(healthcheck, "PATIENCE", 0.1)
    async with await asyncio.start_server(keep_silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await asyncio.to_thread(healthcheck.alive, "127.0.0.1", port) is False
