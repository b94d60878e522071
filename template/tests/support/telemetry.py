"""Telemetry collector for tests, which receives spans and metrics by OTLP over HTTP."""

import asyncio
import gzip
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.requests import Request
from starlette.responses import Response

from app.observability import pipeline
from app.observability.pipeline import Pipeline
from app.observability.settings import MetricsSettings, TelemetrySettings
from tests.support.live_server import serving
from tests.support.timeouts import wait_until

CREATE = pipeline.create_pipeline  # the original; collectors of tests may be nested


@dataclass
class Collector:
    """OTLP collector that stores the received spans and metrics in memory.

    It responds only while `unblocked` is set.
    """

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    resource: dict[str, str] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    unblocked: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: Request) -> Response:
        """Store a request; respond when `unblocked` is set."""
        body = await request.body()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        self.called.set()
        await self.unblocked.wait()
        return Response()

    async def receive_spans(self, request: Request) -> Response:
        """Store the spans that a request contains."""
        response = await self.receive(request)
        for exported in ExportTraceServiceRequest.FromString(self.bodies[-1]).resource_spans:
            self.resource = {
                pair.key: pair.value.string_value for pair in exported.resource.attributes
            }
            self.spans += [span for scope in exported.scope_spans for span in scope.spans]
        return response

    async def receive_metrics(self, request: Request) -> Response:
        """Store the names of the metrics that a request contains."""
        response = await self.receive(request)
        parse = metrics_service_pb2.ExportMetricsServiceRequest.FromString
        for exported in parse(self.bodies[-1]).resource_metrics:
            self.metrics |= {
                each.name for scope in exported.scope_metrics for each in scope.metrics
            }
        return response


@dataclass(frozen=True)
class ObservedService:
    """Running service, with an HTTP client and the telemetry collector."""

    app: FastAPI
    client: AsyncClient
    collector: Collector

    @property
    def pipeline(self) -> Pipeline:
        """Export pipeline of the service."""
        current: Pipeline = self.app.state.observability
        return current

    async def spans(self) -> list[Span]:
        """Flush the exporter, and return the spans that the collector received."""
        await asyncio.to_thread(self.pipeline.tracer_provider.force_flush)  # type: ignore[attr-defined]
        return self.collector.spans


@asynccontextmanager
async def running_collector() -> AsyncGenerator[Collector, None]:
    """Run a collector on a free port of this process."""
    collector = Collector()
    collector.unblocked.set()
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.add_route("/v1/traces", collector.receive_spans, ["POST"])
    app.add_route("/v1/metrics", collector.receive_metrics, ["POST"])
    app.add_route("/{path:path}", collector.receive, ["GET", "POST"])
    created = list[Pipeline]()
    before = export_threads()

    def recorded(config: TelemetrySettings, metrics_config: MetricsSettings) -> Pipeline:
        created.append(CREATE(config, metrics_config))
        return created[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "create_pipeline", recorded)
        async with serving(app) as port:
            collector.url = f"http://127.0.0.1:{port}"
            try:
                yield collector
            finally:
                collector.unblocked.set()
                for each in created:
                    await asyncio.to_thread(each.close)
                await wait_until(lambda: export_threads() <= before)  # `close` has a time limit
                CREATE.cache_clear()  # the next collector may get the same port


def export_threads() -> set[threading.Thread]:
    """Return the running threads in which OpenTelemetry exports."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("Otel")}


def attributes(span: Span) -> dict[str, str | int]:
    """Map the names of a span's attributes to their values."""
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}
