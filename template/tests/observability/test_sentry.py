"""Reports: what nobody foresaw reaches Sentry, without a word that somebody sent."""

import asyncio
import json
import logging as standard
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import sentry_sdk

from app import logging
from app.observability.sentry import report
from tests.support import sample_resource
from tests.support.live_server import calling, lifespan, serving
from tests.support.telemetry import Collector, Observed, collecting
from tests.support.timeouts import DEADLINE

SECRET = "hunter2"


@pytest.fixture
async def reported(
    monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> AsyncGenerator[Observed, None]:
    """Serve what fails, and keep what Sentry is told."""
    _ = shared_url
    async with collecting() as sentry:
        monkeypatch.setenv("SENTRY_DSN", sentry.url.replace("//", "//key@") + "/1")
        made = sample_resource.create_app()

        @made.get("/fails")
        async def fails(token: str) -> None:
            raise ValueError(token)

        async with serving(made) as port, calling(port) as client:
            yield Observed(made, client, sentry)


async def events(collector: Collector) -> list[dict[str, Any]]:
    """Read the events of the envelopes that Sentry was sent."""
    await asyncio.to_thread(sentry_sdk.flush, DEADLINE)
    lines = [json.loads(line) for body in collector.bodies for line in body.splitlines()]
    return [line for line in lines if "exception" in line]


async def test_an_unforeseen_error_is_reported(reported: Observed) -> None:
    answered = await reported.client.get("/fails", params={"token": "x"})
    (event,) = await events(reported.collector)
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "ValueError"
    assert exception["stacktrace"]["frames"][-1]["function"] == "fails"
    assert event["tags"]["request_id"] == answered.json()["request_id"]
    assert event["environment"] == "test"


async def test_a_report_says_nothing_that_somebody_sent(reported: Observed) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    await reported.client.get("/fails", params={"token": SECRET}, headers=headers)
    assert await events(reported.collector)
    assert all(SECRET.encode() not in body for body in reported.collector.bodies)


async def test_an_error_that_a_client_is_told_of_is_not_reported(reported: Observed) -> None:
    assert (await reported.client.get("/nowhere")).status_code == 404
    assert (await reported.client.get("/fails")).status_code == 422
    assert await events(reported.collector) == []


async def test_what_a_library_logs_with_a_traceback_is_reported(reported: Observed) -> None:
    standard.getLogger("library").error("it broke", exc_info=KeyError(SECRET))
    (event,) = await events(reported.collector)
    assert event["exception"]["values"][0]["type"] == "KeyError"


async def test_without_an_address_nothing_is_reported(shared_url: str) -> None:
    _ = shared_url
    made = sample_resource.create_app()
    async with lifespan(made):
        assert report not in logging.EXTRA_PROCESSORS
        assert not sentry_sdk.is_initialized()
