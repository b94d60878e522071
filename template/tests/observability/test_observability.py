"""Observability: traces of requests, metrics for Prometheus, and a collector nobody waits for."""

import asyncio
import json
import re
import signal
import socket
import sys
from collections.abc import AsyncGenerator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import generate_latest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import settings
from app.__main__ import main
from app.checks import configuration_problems
from app.observability import lifecycle, pipeline
from app.observability.prometheus import serve_metrics
from app.observability.runtime_metrics import runtime_metrics
from app.observability.settings import MetricsSettings, TelemetrySettings
from tests.support import sample_resource
from tests.support.live_server import calling, free_port, output, running, serving, spawned
from tests.support.telemetry import Collector, Observed, attributes, collecting
from tests.support.timeouts import DEADLINE, wait_until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "hunter2"


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Collector, None]:
    """Collect what services send that are made after this."""
    async with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("METRICS_PORT", "0")
        yield made


@pytest.fixture
async def observed(collector: Collector, shared_url: str) -> AsyncGenerator[Observed, None]:
    """Serve, and observe it."""
    _ = shared_url
    made = sample_resource.create_app()
    async with serving(made) as port, calling(port) as client:
        yield Observed(made, client, collector)
    await asyncio.to_thread(made.state.observability.close)


def of_kind(spans: list[Span], kind: Span.SpanKind.ValueType) -> list[Span]:
    return [span for span in spans if span.kind == kind]


def metrics(observed: Observed) -> str:
    """Write what Prometheus would fetch."""
    assert observed.pipeline.registry
    return generate_latest(observed.pipeline.registry).decode()


async def test_a_request_is_a_span_with_its_route(observed: Observed) -> None:
    await observed.client.get(f"{sample_resource.URL}/00000000-0000-7000-8000-000000000000")
    (span,) = of_kind(await observed.spans(), Span.SPAN_KIND_SERVER)
    assert span.name == "GET /jots/{jot_id}"
    assert attributes(span)["http.response.status_code"] == 404
    assert attributes(span)["http.route"] == "/jots/{jot_id}"


async def test_a_statement_is_a_child_of_its_request(observed: Observed) -> None:
    await observed.client.get(sample_resource.URL)
    spans = await observed.spans()
    (request,) = of_kind(spans, Span.SPAN_KIND_SERVER)
    statements = of_kind(spans, Span.SPAN_KIND_CLIENT)
    assert {(span.name, span.parent_span_id) for span in statements} == {
        ("SELECT", request.span_id)
    }
    assert any("FROM jots" in str(attributes(span)["db.query.text"]) for span in statements)


async def test_a_statement_that_fails_says_which_error_and_no_value(observed: Observed) -> None:
    tracer = observed.pipeline.tracers.get_tracer("test")
    with tracer.start_as_current_span("outer"), pytest.raises(DBAPIError):
        async with observed.app.state.engine.connect() as connection:
            await connection.execute(text("SELECT 1 FROM nowhere WHERE a = :a"), {"a": SECRET})
    (span,) = [span for span in await observed.spans() if "error.type" in attributes(span)]
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert not span.status.message
    assert not span.events


async def test_a_caller_s_trace_goes_on(observed: Observed) -> None:
    await observed.client.get(
        sample_resource.URL, headers={"traceparent": f"00-{TRACE}-{CALLER}-01"}
    )
    (span,) = of_kind(await observed.spans(), Span.SPAN_KIND_SERVER)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, CALLER)


async def test_a_trace_that_its_caller_does_not_keep_is_not_kept(observed: Observed) -> None:
    await observed.client.get(
        sample_resource.URL, headers={"traceparent": f"00-{TRACE}-{CALLER}-00"}
    )
    assert await observed.spans() == []


async def test_a_share_of_traces_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    made = sample_resource.create_app()
    async with serving(made) as port, calling(port) as client:
        await client.get(sample_resource.URL)
        await client.get(sample_resource.URL, headers={"traceparent": f"00-{TRACE}-{CALLER}-01"})
        spans = await Observed(made, client, collector).spans()
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    await asyncio.to_thread(made.state.observability.close)


async def test_a_line_of_the_log_names_its_span(
    observed: Observed, capsys: pytest.CaptureFixture[str]
) -> None:
    await observed.client.get(sample_resource.URL)
    (span,) = of_kind(await observed.spans(), Span.SPAN_KIND_SERVER)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [
        line for line in lines if line["event"] == "request" and line["path"] == sample_resource.URL
    ]
    assert (line["trace_id"], line["span_id"]) == (span.trace_id.hex(), span.span_id.hex())


async def test_without_a_span_a_line_names_none(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/nowhere")
    assert "trace_id" not in json.loads(capsys.readouterr().out.splitlines()[-1])


async def test_probes_make_no_spans(observed: Observed) -> None:
    for probe in ("/health/live", "/health/ready"):
        assert (await observed.client.get(probe)).is_success
    assert await observed.spans() == []
    assert "/health" not in metrics(observed)


async def test_a_call_to_another_service_is_a_span_and_tells_it_of_the_trace(
    observed: Observed,
) -> None:
    url = observed.collector.url.replace("//", f"//user:{SECRET}@")
    await observed.app.state.http_client.get(f"{url}/called?token={SECRET}#{SECRET}")
    told = observed.collector.headers[-1]["traceparent"]
    (span,) = await observed.spans()
    assert told.split("-")[1:3] == [span.trace_id.hex(), span.span_id.hex()]
    assert str(attributes(span)["url.full"]).endswith("/called?token=REDACTED")


async def test_secrets_stay_out_of_spans(observed: Observed) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    answered = await observed.client.get(
        sample_resource.URL, params={"search": SECRET}, headers=headers
    )
    assert answered.is_success
    url = observed.collector.url.replace("//", f"//user:{SECRET}@")
    await observed.app.state.http_client.get(f"{url}/?key={SECRET}", headers=headers)
    spans = await observed.spans()
    assert len(spans) > 2
    assert SECRET not in str(spans)
    (request,) = of_kind(spans, Span.SPAN_KIND_SERVER)
    assert attributes(request)["url.query"] == "search=REDACTED"


async def test_spans_say_which_service_they_are_of(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("OTEL_SERVICE_NAME", "tea-house")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=blue%20sky,service.name=other")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{SECRET}")
    made = sample_resource.create_app()
    async with serving(made) as port, calling(port) as client:
        await client.get(sample_resource.URL)
    await asyncio.to_thread(made.state.observability.close)
    assert collector.resource["service.name"] == "tea-house"
    assert collector.resource["team"] == "blue sky"
    assert collector.resource["deployment.environment.name"] == "test"
    assert collector.headers[0]["authorization"] == f"Bearer {SECRET}"


async def test_a_collector_that_hangs_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000000")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    collector.free.clear()
    made = sample_resource.create_app()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "PATIENCE", 0.1)
        await hung(made, collector)
    collector.free.set()


async def hung(made: FastAPI, collector: Collector) -> None:
    """Serve until the collector hangs, and stop."""
    async with asyncio.timeout(DEADLINE):
        async with serving(made) as port, calling(port) as client:
            await client.get(sample_resource.URL)
            await collector.asked.wait()
            assert (await client.get(sample_resource.URL)).is_success
        await asyncio.to_thread(made.state.observability.close)


async def test_metrics_name_routes_and_not_paths(observed: Observed) -> None:
    await observed.client.get(f"{sample_resource.URL}/00000000-0000-7000-8000-000000000000")
    await observed.client.get("/nowhere-at-all")
    found = metrics(observed)
    assert 'http_route="/jots/{jot_id}"' in found
    assert "http_server_request_duration_seconds_bucket{" in found
    assert "00000000-0000-7000" not in found
    assert "nowhere" not in found


async def test_prometheus_finds_metrics_at_a_port_of_their_own(observed: Observed) -> None:
    await observed.client.get(sample_resource.URL)
    with serve_metrics(observed.pipeline, settings.read(MetricsSettings)) as port:
        async with calling(port) as prometheus:
            assert "http_server_request_duration_seconds" in (await prometheus.get("/metrics")).text
    assert (await observed.client.get("/metrics")).status_code == 404


async def test_metrics_count_connections(observed: Observed) -> None:
    await observed.client.get(sample_resource.URL)
    async with observed.app.state.engine.connect():
        found = metrics(observed)
    assert 'db_client_connection_count{db_client_connection_state="used"} 1.0' in found
    assert 'db_client_connection_count{db_client_connection_state="idle"} 0.0' in found


async def test_metrics_count_who_waits_for_a_connection(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("DATABASE_POOL_SIZE", "1")
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", "0")
    made = sample_resource.create_app()
    async with serving(made) as port, calling(port) as client:
        observed = Observed(made, client, collector)
        async with asyncio.TaskGroup() as callers, made.state.engine.connect():
            callers.create_task(client.get(sample_resource.URL))
            (watch,) = runtime_metrics(observed.pipeline.meters).pools
            await wait_until(lambda: watch.waiting)
            assert "db_client_connection_pending_requests 1.0" in metrics(observed)
        assert "db_client_connection_pending_requests 0.0" in metrics(observed)
    await asyncio.to_thread(made.state.observability.close)


async def test_metrics_are_sent_too(collector: Collector, shared_url: str) -> None:
    _ = shared_url
    made = sample_resource.create_app()
    async with serving(made) as port, calling(port) as client:
        await client.get(sample_resource.URL)
    await asyncio.to_thread(made.state.observability.close)
    assert {"http.server.request.duration", "process.cpu.time"} <= collector.metrics


async def test_two_services_of_one_process_keep_their_traces_apart(observed: Observed) -> None:
    async with collecting() as other:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", other.url)
            made = sample_resource.create_app()
        async with serving(made) as port, calling(port) as client:
            await client.get(sample_resource.URL)
        await asyncio.to_thread(made.state.observability.close)
        assert len(of_kind(other.spans, Span.SPAN_KIND_SERVER)) == 1
    assert await observed.spans() == []


async def test_without_an_endpoint_nothing_is_made(client: AsyncClient) -> None:
    made = sample_resource.create_app().state.observability
    assert not made.traces
    assert not made.measures
    assert (await client.get("/health/live")).is_success


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"collector:{SECRET}"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://collector:{SECRET}"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"grpc://{SECRET}:4317"),
        ("OTEL_EXPORTER_OTLP_HEADERS", SECRET),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", SECRET),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("METRICS_PORT", "99999"),
        ("SENTRY_DSN", f"https://{SECRET}.example.com"),
    ],
)
def test_a_bad_setting_is_told_by_name_and_mend(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told = "\n".join(configuration_problems())
    assert re.search(rf"^{name}: .*Set it to", told, re.MULTILINE)
    assert SECRET not in told


def test_traces_and_metrics_can_go_to_places_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/own")
    found = settings.read(TelemetrySettings)
    assert (found.traces_to, found.metrics_to) == (
        "http://traces:4318/own",
        "http://all:4318/v1/metrics",
    )
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert settings.read(TelemetrySettings).metrics_to == ""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert settings.read(TelemetrySettings).traces_to == ""


def test_a_port_for_metrics_that_is_taken_is_told(
    monkeypatch: pytest.MonkeyPatch, shared_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("METRICS_PORT", str(taken.getsockname()[1]))
        assert main(["serve"]) == 2
    assert "METRICS_PORT: nobody can listen there" in capsys.readouterr().err


async def test_a_command_is_a_span(collector: Collector, shared_url: str) -> None:
    _ = shared_url
    assert await asyncio.to_thread(main, ["openapi"]) == 0
    assert [span.name for span in collector.spans] == ["openapi"]


async def test_a_command_that_fails_says_which_error_and_no_word(collector: Collector) -> None:
    def fail() -> None:
        with lifecycle.process_span("migrate"):
            raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        await asyncio.to_thread(fail)
    (span,) = collector.spans
    assert attributes(span)["error.type"] == "ValueError"
    assert SECRET not in str(span)


@pytest.mark.drill
async def test_a_server_is_observed_from_its_start_to_its_end(
    collector: Collector, database_url: str
) -> None:
    scrape = free_port()
    environment = {
        "DATABASE_URL": database_url,
        "DRAIN_SECONDS": "0",
        "METRICS_PORT": str(scrape),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }
    async with running("tests.support.sample_resource", **environment) as (process, client):
        assert (await client.get(sample_resource.URL)).is_success
        async with calling(scrape) as prometheus:
            told = (await prometheus.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        logged, errors = await output(process)
    assert f'http_route="{sample_resource.URL}"' in told
    assert [span.name for span in of_kind(collector.spans, Span.SPAN_KIND_SERVER)] == [
        f"GET {sample_resource.URL}"
    ]
    assert errors == b""
    assert {json.loads(line)["level"] for line in logged.splitlines()} == {"info"}


@pytest.mark.drill
async def test_what_is_heavy_is_imported_only_where_it_is_wanted(shared_url: str) -> None:
    script = "import sys, app.main; app.main.create_app(); print(*sys.modules)"
    _ = shared_url
    async with spawned(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE) as process:
        printed, _ = await output(process)
    loaded = set(printed.decode().split())
    assert "app.observability" in loaded
    heavy = {
        "opentelemetry.exporter",
        "opentelemetry.sdk.trace.export",
        "prometheus_client",
        "sentry_sdk",
    }
    assert not loaded & heavy
