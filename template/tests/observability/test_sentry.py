"""Tests of Sentry reports: unhandled exceptions, without messages or submitted values."""

import asyncio
import json
import logging as standard
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import sentry_sdk

from app import logging
from app.observability.sentry import report_exception
from tests.support import sample_resource
from tests.support.live_server import calling, lifespan, serving
from tests.support.telemetry import Collector, ObservedService, running_collector
from tests.support.timeouts import DEADLINE

SECRET = "hunter2"


@pytest.fixture
async def observed(
    monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> AsyncGenerator[ObservedService, None]:
    """Run a service with a failing route; a collector receives its Sentry reports."""
    _ = shared_url
    async with running_collector() as sentry:
        monkeypatch.setenv("SENTRY_DSN", sentry.url.replace("//", "//key@") + "/1")
        app = sample_resource.create_app()

        @app.get("/fails")
        async def fails(token: str) -> None:
            raise ValueError(token)

        async with serving(app) as port, calling(port) as client:
            yield ObservedService(app, client, sentry)


async def events(collector: Collector) -> list[dict[str, Any]]:
    """Return the Sentry events that the collector received."""
    await asyncio.to_thread(sentry_sdk.flush, DEADLINE)
    lines = [json.loads(line) for body in collector.bodies for line in body.splitlines()]
    return [line for line in lines if "exception" in line]


async def test_unhandled_exception_is_reported_to_sentry(observed: ObservedService) -> None:
    response = await observed.client.get("/fails", params={"token": "x"})
    (event,) = await events(observed.collector)
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "ValueError"
    assert exception["stacktrace"]["frames"][-1]["function"] == "fails"
    assert event["tags"]["request_id"] == response.json()["request_id"]
    assert event["environment"] == "test"


async def test_sentry_report_contains_no_submitted_values(observed: ObservedService) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    await observed.client.get("/fails", params={"token": SECRET}, headers=headers)
    assert await events(observed.collector)
    assert all(SECRET.encode() not in body for body in observed.collector.bodies)


async def test_client_errors_are_not_reported_to_sentry(observed: ObservedService) -> None:
    assert (await observed.client.get("/nowhere")).status_code == 404
    assert (await observed.client.get("/fails")).status_code == 422
    assert await events(observed.collector) == []


async def test_exception_logged_by_library_is_reported_to_sentry(observed: ObservedService) -> None:
    standard.getLogger("library").error("it broke", exc_info=KeyError(SECRET))
    (event,) = await events(observed.collector)
    assert event["exception"]["values"][0]["type"] == "KeyError"


async def test_service_without_sentry_dsn_does_not_start_sentry(shared_url: str) -> None:
    _ = shared_url
    app = sample_resource.create_app()
    async with lifespan(app):
        assert report_exception not in logging.EXTRA_PROCESSORS
        assert not sentry_sdk.is_initialized()
