"""Tests of the spans of Valkey commands, which contain no keys or values."""

import asyncio

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from redis.asyncio import Redis
from sqlalchemy import make_url

from app.valkey import connection_pool
from tests.support import sample_resource, valkey
from tests.support.live_server import lifespan
from tests.support.telemetry import running_collector

SECRET = "hunter2"


async def test_valkey_command_span_contains_no_keys_or_values(
    monkeypatch: pytest.MonkeyPatch, shared_url: str
) -> None:
    _ = shared_url
    with valkey.server() as url:
        async with running_collector() as collector:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
            app = sample_resource.create_app()
            pool = connection_pool(make_url(url))
            async with lifespan(app), Redis(connection_pool=pool) as client:
                await client.set(f"key-{SECRET}", SECRET)
            await pool.aclose()
            await asyncio.to_thread(app.state.observability.close)
    (span,) = [span for span in collector.spans if span.name == "SET"]
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert SECRET not in str(collector.spans)


async def test_valkey_client_is_not_instrumented_if_traces_are_disabled(shared_url: str) -> None:
    _ = shared_url
    app = sample_resource.create_app()
    original = Redis.execute_command
    async with lifespan(app):
        assert Redis.execute_command is original
