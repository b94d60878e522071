"""Tests of the liveness and readiness probes."""

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
    """Replace the readiness checks of the service by an empty set for one test."""
    original, app.state.readiness = app.state.readiness, health.Readiness()
    yield app.state.readiness
    app.state.readiness = original


async def test_running_service_is_live_and_ready(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).json() == {"status": "live"}
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_failing_dependency_fails_readiness_but_not_liveness(
    client: AsyncClient,
    app: FastAPI,
    readiness: health.Readiness,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fail(_: FastAPI) -> None:
        raise ConnectionError

    health.add(app, "broker", fail)
    response = await client.get("/health/ready")
    assert "readiness_check_failed" in capsys.readouterr().out
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response.json()["detail"] == "Unavailable: broker."
    assert (await client.get("/health/live")).status_code == 200
    readiness.probes.clear()
    readiness.checked = float("-inf")
    assert (await client.get("/health/ready")).status_code == 200


async def test_hanging_dependency_fails_readiness_after_timeout(
    client: AsyncClient, app: FastAPI, readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_: FastAPI) -> None:
        await asyncio.Event().wait()

    _ = readiness
    monkeypatch.setattr(health, "TIMEOUT", 0.01)
    health.add(app, "broker", hang)
    async with asyncio.timeout(DEADLINE):
        assert (await client.get("/health/ready")).status_code == 503


async def test_readiness_failure_names_dependency_and_reason(app: FastAPI) -> None:
    async def succeed(_: FastAPI) -> None:
        pass

    async def fail(_: FastAPI) -> None:
        raise ConnectionError

    async def fail_with_message(_: FastAPI) -> None:
        message = "in flux"
        raise OSError(message)

    probes: dict[str, health.Probe] = {
        "disk": succeed,
        "broker": fail,
        "server": fail_with_message,
    }
    failures = await health.Readiness(probes).failures(app)
    assert failures == {"broker": "ConnectionError", "server": "OSError: in flux"}


async def test_concurrent_readiness_requests_share_one_check(
    client: AsyncClient, app: FastAPI, readiness: health.Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = 0

    async def probe(_: FastAPI) -> None:
        nonlocal checks
        checks += 1
        await asyncio.sleep(0.01)

    _ = readiness
    monkeypatch.setattr(health, "CACHE_SECONDS", 3600.0)
    health.add(app, "broker", probe)
    responses = await asyncio.gather(*(client.get("/health/ready") for _ in range(20)))
    assert {each.status_code for each in responses} == {200}
    assert checks == 1


async def test_readiness_result_is_cached_for_one_second(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=0.0)
    clock.monotonic = lambda: clock.now
    checked_at = []

    async def probe(_: FastAPI) -> None:
        checked_at.append(clock.now)

    monkeypatch.setattr(health, "time", clock)
    readiness = health.Readiness({"broker": probe})
    for clock.now in (100.0, 101.0, 101.5, 102.5, 103.0):
        await readiness.check(app)
    assert checked_at == [100.0, 101.5, 103.0]


def test_openapi_describes_health_probes(app: FastAPI) -> None:
    live, ready = [app.openapi()["paths"][f"/health/{name}"]["get"] for name in ("live", "ready")]
    assert (live["tags"], ready["tags"]) == (["health"], ["health"])
    assert (set(live["responses"]), set(ready["responses"])) == ({"200"}, {"200", "503"})


async def test_draining_service_is_not_ready(
    client: AsyncClient, readiness: health.Readiness
) -> None:
    readiness.draining = True
    response = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["detail"] == "The service is shutting down."
