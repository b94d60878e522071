"""The server, in a process of its own: what it logs, and how it leaves."""

import asyncio
import json
import signal
from asyncio.subprocess import Process

import pytest
from httpx2 import AsyncClient, TransportError

from tests.jots import URL, payload
from tests.serving import PATIENCE, running

CALLERS = 8


async def lines(process: Process) -> list[dict[str, object]]:
    """Wait for the end, and read every line of the log."""
    told, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
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
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "3"}
    async with running("tests.jots", **environment) as (process, client):
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(call(client, balanced, counts))
            while counts["calls"] < CALLERS:
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            told = counts["calls"]
            await balance(client, balanced)
        logged = await lines(process)
    assert counts["lost"] == 0, counts
    assert counts["calls"] > told > 0
    assert process.returncode == -signal.SIGTERM
    assert logged[-1]["event"].startswith("Finished server process")  # type: ignore[attr-defined]


@pytest.mark.drill
async def test_every_line_of_a_run_is_json(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "0"}
    async with running("tests.jots", **environment) as (process, client):
        answered = await client.get(URL)
        process.send_signal(signal.SIGTERM)
        logged = await lines(process)
    (line,) = [line for line in logged if URL in json.dumps(line)]
    assert line["event"] == "request"
    assert line["request_id"] == answered.headers["X-Request-ID"]
    assert {line["level"] for line in logged} == {"info"}
