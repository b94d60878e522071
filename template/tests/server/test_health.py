"""Health: alive whatever happens elsewhere, ready only when requests can be served."""

import asyncio
from collections.abc import Generator
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app import health
from tests.support.timeouts import DEADLINE


@pytest.fixture
def readiness(app: FastAPI) -> Generator[health.Readiness, None, None]:
    """Give the service a readiness that remembers nothing and depends on nothing."""
    kept, app.state.readiness = app.state.readiness, health.Readiness()
    yield app.state.readiness
    app.state.readiness = kept


async def test_a_service_that_runs_is_live_and_ready(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_a_dependency_that_fails_costs_readiness_alone(
    client: AsyncClient,
    app: FastAPI,
    readiness: health.Readiness,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail(_: FastAPI) -> None:
        raise ConnectionError

    health.add(app, "broker", fail)
    told = await client.get("/health/ready")
    assert "not ready" in capsys.readouterr().out
    assert (told.status_code, told.json()["code"]) == (503, "unavailable")
    assert told.json()["detail"] == "No answer from: broker."
    assert (await client.get("/health/live")).status_code == 200
    readiness.probes.clear()
    readiness.checked = float("-inf")
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_dependency_that_hangs_is_not_waited_for(
    client: AsyncClient, app: FastAPI, readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: FastAPI) -> None:
        await asyncio.Event().wait()

    _ = readiness
    monkeypatch.setattr(health, "PATIENCE", 0.01)
    health.add(app, "broker", hang)
    async with asyncio.timeout(DEADLINE):
        assert (await client.get("/health/ready")).status_code == 503


async def test_a_dependency_that_fails_is_named_with_its_reason(app: FastAPI) -> None:
    async def answer(_: FastAPI) -> None:
        pass

    async def fail(_: FastAPI) -> None:
        raise ConnectionError

    async def refuse(_: FastAPI) -> None:
        message = "in flux"
        raise OSError(message)

    probes: dict[str, health.Probe] = {"disk": answer, "broker": fail, "server": refuse}
    failures = await health.Readiness(probes).failures(app)
    assert failures == {"broker": "ConnectionError", "server": "OSError: in flux"}


async def test_those_who_ask_at_once_share_an_answer(
    client: AsyncClient, app: FastAPI, readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def probe(_: FastAPI) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)

    _ = readiness
    monkeypatch.setattr(health, "FRESH", 3600.0)
    health.add(app, "broker", probe)
    told = await asyncio.gather(*(client.get("/health/ready") for _ in range(20)))
    assert {answer.status_code for answer in told} == {200}
    assert asked == 1


async def test_an_answer_stands_for_a_second(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    asked = []

    async def probe(_: FastAPI) -> None:
        asked.append(clock.now)

    monkeypatch.setattr(health, "time", clock)
    readiness = health.Readiness({"broker": probe})
    for clock.now in (100.0, 101.0, 101.5, 102.5, 103.0):
        await readiness.check(app)
    assert asked == [100.0, 101.5, 103.0]


def test_probes_are_described_as_such(app: FastAPI) -> None:
    live, ready = [app.openapi()["paths"][f"/health/{name}"]["get"] for name in ("live", "ready")]
    assert (live["tags"], ready["tags"]) == (["health"], ["health"])
    assert (set(live["responses"]), set(ready["responses"])) == ({"200"}, {"200", "503"})


async def test_a_service_that_stops_is_not_ready(
    client: AsyncClient, readiness: health.Readiness
) -> None:
    readiness.draining = True
    told = await client.get("/health/ready")
    assert (told.status_code, told.json()["detail"]) == (503, "The service is stopping.")
