"""Tests of observability: spans, trace propagation, redaction, sampling, metrics."""

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
from tests.support.cors import rejected_headers
from tests.support.live_server import calling, free_port, output, running, serving, spawned
from tests.support.telemetry import Collector, ObservedService, attributes, running_collector
from tests.support.timeouts import DEADLINE, wait_until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "hunter2"


@pytest.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Collector, None]:
    """Run a telemetry collector; configure services to export to it."""
    async with running_collector() as target:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", target.url)
        monkeypatch.setenv("METRICS_PORT", "0")
        yield target


@pytest.fixture
async def observed(collector: Collector, shared_url: str) -> AsyncGenerator[ObservedService, None]:
    """Run a service that exports traces and metrics to the collector."""
    _ = shared_url
    app = sample_resource.create_app()
    async with serving(app) as port, calling(port) as client:
        yield ObservedService(app, client, collector)
    await asyncio.to_thread(app.state.observability.close)


def of_kind(spans: list[Span], kind: Span.SpanKind.ValueType) -> list[Span]:
    return [span for span in spans if span.kind == kind]


def metrics(observed: ObservedService) -> str:
    """Return the metrics of the service in the Prometheus text format."""
    assert observed.pipeline.registry
    return generate_latest(observed.pipeline.registry).decode()


async def test_request_span_is_named_after_route(observed: ObservedService) -> None:
    await observed.client.get(f"{sample_resource.URL}/00000000-0000-7000-8000-000000000000")
    (span,) = of_kind(await observed.spans(), Span.SPAN_KIND_SERVER)
    assert span.name == "GET /jots/{jot_id}"
    assert attributes(span)["http.response.status_code"] == 404
    assert attributes(span)["http.route"] == "/jots/{jot_id}"


async def test_sql_statement_span_is_child_of_request_span(observed: ObservedService) -> None:
    await observed.client.get(sample_resource.URL)
    spans = await observed.spans()
    (request,) = of_kind(spans, Span.SPAN_KIND_SERVER)
    statements = of_kind(spans, Span.SPAN_KIND_CLIENT)
    assert {(span.name, span.parent_span_id) for span in statements} == {
        ("SELECT", request.span_id)
    }
    assert any("FROM jots" in str(attributes(span)["db.query.text"]) for span in statements)


async def test_failed_sql_statement_span_contains_no_values(observed: ObservedService) -> None:
    tracer = observed.pipeline.tracer_provider.get_tracer("test")
    with tracer.start_as_current_span("outer"), pytest.raises(DBAPIError):
        async with observed.app.state.engine.connect() as connection:
            await connection.execute(text("SELECT 1 FROM nowhere WHERE a = :a"), {"a": SECRET})
    (span,) = [span for span in await observed.spans() if "error.type" in attributes(span)]
    assert span.kind == Span.SPAN_KIND_CLIENT
    assert span.status.code == span.status.STATUS_CODE_ERROR
    assert not span.status.message
    assert not span.events


async def test_request_span_continues_caller_trace(observed: ObservedService) -> None:
    await observed.client.get(
        sample_resource.URL, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"}
    )
    (span,) = of_kind(await observed.spans(), Span.SPAN_KIND_SERVER)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


async def test_trace_not_sampled_by_caller_is_not_exported(observed: ObservedService) -> None:
    await observed.client.get(
        sample_resource.URL, headers={"traceparent": f"00-{TRACE}-{PARENT}-00"}
    )
    assert await observed.spans() == []


async def test_sampler_exports_configured_trace_ratio(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    app = sample_resource.create_app()
    async with serving(app) as port, calling(port) as client:
        await client.get(sample_resource.URL)
        await client.get(sample_resource.URL, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        spans = await ObservedService(app, client, collector).spans()
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    await asyncio.to_thread(app.state.observability.close)


@pytest.mark.usefixtures("json_logs")
async def test_log_line_has_trace_and_span_id(
    observed: ObservedService, capsys: pytest.CaptureFixture[str]
) -> None:
    await observed.client.get(sample_resource.URL)
    (span,) = of_kind(await observed.spans(), Span.SPAN_KIND_SERVER)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [
        line for line in lines if line["event"] == "request" and line["path"] == sample_resource.URL
    ]
    assert (line["trace_id"], line["span_id"]) == (span.trace_id.hex(), span.span_id.hex())


@pytest.mark.usefixtures("json_logs")
async def test_log_line_without_span_has_no_trace_id(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/nowhere")
    assert "trace_id" not in json.loads(capsys.readouterr().out.splitlines()[-1])


async def test_health_probes_create_no_spans_or_metrics(observed: ObservedService) -> None:
    for probe in ("/health/live", "/health/ready"):
        assert (await observed.client.get(probe)).is_success
    assert await observed.spans() == []
    assert "/health" not in metrics(observed)


async def test_outgoing_request_sends_trace_context(
    observed: ObservedService,
) -> None:
    url = observed.collector.url.replace("//", f"//user:{SECRET}@")
    await observed.app.state.http_client.get(f"{url}/called?token={SECRET}#{SECRET}")
    traceparent = observed.collector.headers[-1]["traceparent"]
    (span,) = await observed.spans()
    assert traceparent.split("-")[1:3] == [span.trace_id.hex(), span.span_id.hex()]
    assert str(attributes(span)["url.full"]).endswith("/called?token=REDACTED")


async def test_secrets_are_redacted_from_spans(observed: ObservedService) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}
    response = await observed.client.get(
        sample_resource.URL, params={"search": SECRET}, headers=headers
    )
    assert response.is_success
    url = observed.collector.url.replace("//", f"//user:{SECRET}@")
    await observed.app.state.http_client.get(f"{url}/?key={SECRET}", headers=headers)
    spans = await observed.spans()
    assert len(spans) > 2
    assert SECRET not in str(spans)
    (request,) = of_kind(spans, Span.SPAN_KIND_SERVER)
    assert attributes(request)["url.query"] == "search=REDACTED"


async def test_exported_resource_attributes_name_service_and_environment(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("OTEL_SERVICE_NAME", "tea-house")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=blue%20sky,service.name=other")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{SECRET}")
    app = sample_resource.create_app()
    async with serving(app) as port, calling(port) as client:
        await client.get(sample_resource.URL)
    await asyncio.to_thread(app.state.observability.close)
    assert collector.resource["service.name"] == "tea-house"
    assert collector.resource["team"] == "blue sky"
    assert collector.resource["deployment.environment.name"] == "test"
    assert collector.headers[0]["authorization"] == f"Bearer {SECRET}"


async def test_hanging_collector_blocks_neither_requests_nor_shutdown(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000000")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    collector.unblocked.clear()
    app = sample_resource.create_app()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "TIMEOUT", 0.1)
        await serve_with_hanging_collector(app, collector)
    collector.unblocked.set()


async def serve_with_hanging_collector(app: FastAPI, collector: Collector) -> None:
    """Run a service until the collector hangs, then shut the service down."""
    async with asyncio.timeout(DEADLINE):
        async with serving(app) as port, calling(port) as client:
            await client.get(sample_resource.URL)
            await collector.called.wait()
            assert (await client.get(sample_resource.URL)).is_success
        await asyncio.to_thread(app.state.observability.close)


async def test_request_metrics_are_labelled_by_route_not_path(observed: ObservedService) -> None:
    await observed.client.get(f"{sample_resource.URL}/00000000-0000-7000-8000-000000000000")
    await observed.client.get("/nowhere-at-all")
    scrape = metrics(observed)
    assert 'http_route="/jots/{jot_id}"' in scrape
    assert "http_server_request_duration_seconds_bucket{" in scrape
    assert "00000000-0000-7000" not in scrape
    assert "nowhere" not in scrape


async def test_metrics_are_served_on_separate_port(observed: ObservedService) -> None:
    await observed.client.get(sample_resource.URL)
    with serve_metrics(observed.pipeline, settings.read(MetricsSettings)) as port:
        async with calling(port) as prometheus:
            assert "http_server_request_duration_seconds" in (await prometheus.get("/metrics")).text
    assert (await observed.client.get("/metrics")).status_code == 404


async def test_metrics_count_pool_connections(observed: ObservedService) -> None:
    await observed.client.get(sample_resource.URL)
    async with observed.app.state.engine.connect():
        scrape = metrics(observed)
    assert 'db_client_connection_count{db_client_connection_state="used"} 1.0' in scrape
    assert 'db_client_connection_count{db_client_connection_state="idle"} 0.0' in scrape


async def test_metrics_count_requests_waiting_for_pool_connection(
    monkeypatch: pytest.MonkeyPatch, collector: Collector, shared_url: str
) -> None:
    _ = shared_url
    monkeypatch.setenv("DATABASE_POOL_SIZE", "1")
    monkeypatch.setenv("DATABASE_MAX_OVERFLOW", "0")
    app = sample_resource.create_app()
    async with serving(app) as port, calling(port) as client:
        observed = ObservedService(app, client, collector)
        async with asyncio.TaskGroup() as callers, app.state.engine.connect():
            callers.create_task(client.get(sample_resource.URL))
            (monitor,) = runtime_metrics(observed.pipeline.meter_provider).pools
            await wait_until(lambda: monitor.waiting)
            assert "db_client_connection_pending_requests 1.0" in metrics(observed)
        assert "db_client_connection_pending_requests 0.0" in metrics(observed)
    await asyncio.to_thread(app.state.observability.close)


async def test_metrics_are_exported_by_otlp(collector: Collector, shared_url: str) -> None:
    _ = shared_url
    app = sample_resource.create_app()
    async with serving(app) as port, calling(port) as client:
        await client.get(sample_resource.URL)
    await asyncio.to_thread(app.state.observability.close)
    assert {"http.server.request.duration", "process.cpu.time"} <= collector.metrics


async def test_two_services_in_one_process_export_to_separate_collectors(
    observed: ObservedService,
) -> None:
    async with running_collector() as other:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", other.url)
            app = sample_resource.create_app()
        async with serving(app) as port, calling(port) as client:
            await client.get(sample_resource.URL)
        await asyncio.to_thread(app.state.observability.close)
        assert len(of_kind(other.spans, Span.SPAN_KIND_SERVER)) == 1
    assert await observed.spans() == []


async def test_service_without_otlp_endpoint_records_nothing(client: AsyncClient) -> None:
    disabled = sample_resource.create_app().state.observability
    assert not disabled.exports_traces
    assert not disabled.has_metrics
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
def test_invalid_telemetry_setting_error_names_variable_and_fix(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    problems = "\n".join(configuration_problems())
    assert re.search(rf"^{name}: .*Set it to", problems, re.MULTILINE)
    assert SECRET not in problems


def test_traces_endpoint_overrides_common_otlp_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/own")
    config = settings.read(TelemetrySettings)
    assert (config.traces_url, config.metrics_url) == (
        "http://traces:4318/own",
        "http://all:4318/v1/metrics",
    )
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert settings.read(TelemetrySettings).metrics_url == ""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert settings.read(TelemetrySettings).traces_url == ""


def test_occupied_metrics_port_is_reported(
    monkeypatch: pytest.MonkeyPatch, shared_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("METRICS_PORT", str(taken.getsockname()[1]))
        assert main(["serve"]) == 2
    assert "METRICS_PORT: cannot listen on " in capsys.readouterr().err


@pytest.mark.usefixtures("shared_url")
async def test_cors_allows_trace_headers_of_browsers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("baggage", "sentry-trace", "traceparent", "tracestate")
    assert await rejected_headers(monkeypatch, *names) == set()


async def test_cli_command_is_recorded_as_span(collector: Collector, shared_url: str) -> None:
    _ = shared_url
    assert await asyncio.to_thread(main, ["openapi"]) == 0
    assert [span.name for span in collector.spans] == ["openapi"]


async def test_failed_command_span_contains_no_error_message(collector: Collector) -> None:
    def fail() -> None:
        with lifecycle.observe_process("migrate"):
            raise ValueError(SECRET)

    with pytest.raises(ValueError, match=SECRET):
        await asyncio.to_thread(fail)
    (span,) = collector.spans
    assert attributes(span)["error.type"] == "ValueError"
    assert SECRET not in str(span)


@pytest.mark.drill
@pytest.mark.usefixtures("json_logs")
async def test_server_exports_spans_and_metrics_until_exit(
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
            metrics_text = (await prometheus.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        logged, errors = await output(process)
    assert f'http_route="{sample_resource.URL}"' in metrics_text
    assert [span.name for span in of_kind(collector.spans, Span.SPAN_KIND_SERVER)] == [
        f"GET {sample_resource.URL}"
    ]
    assert errors == b""
    assert {json.loads(line)["level"] for line in logged.splitlines()} == {"info"}


@pytest.mark.drill
async def test_disabled_exporters_import_no_heavy_libraries(shared_url: str) -> None:
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
