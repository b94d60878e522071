"""A collector, and what it was sent: spans and metrics by OTLP over HTTP."""

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

MAKE = pipeline.pipeline  # what a collector's own stands before, within another's too


@dataclass
class Collector:
    """Keeps what it is sent; while it is held up, it answers nobody."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    resource: dict[str, str] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: Request) -> Response:
        """Take what is sent."""
        body = await request.body()
        if request.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.headers.append(dict(request.headers))
        self.bodies.append(body)
        self.asked.set()
        await self.free.wait()
        return Response()

    async def take_spans(self, request: Request) -> Response:
        """Take spans."""
        answer = await self.take(request)
        for sent in ExportTraceServiceRequest.FromString(self.bodies[-1]).resource_spans:
            self.resource = {pair.key: pair.value.string_value for pair in sent.resource.attributes}
            self.spans += [span for scope in sent.scope_spans for span in scope.spans]
        return answer

    async def take_metrics(self, request: Request) -> Response:
        """Take metrics."""
        answer = await self.take(request)
        read = metrics_service_pb2.ExportMetricsServiceRequest.FromString
        for sent in read(self.bodies[-1]).resource_metrics:
            self.metrics |= {each.name for scope in sent.scope_metrics for each in scope.metrics}
        return answer


@dataclass(frozen=True)
class Observed:
    """A service that is observed, a client that calls it, and what the collector was sent."""

    app: FastAPI
    client: AsyncClient
    collector: Collector

    @property
    def pipeline(self) -> Pipeline:
        """The way of its spans and metrics."""
        found: Pipeline = self.app.state.observability
        return found

    async def spans(self) -> list[Span]:
        """Have everything sent, and give the spans."""
        await asyncio.to_thread(self.pipeline.tracers.force_flush)  # type: ignore[attr-defined]
        return self.collector.spans


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector, None]:
    """Collect on a free port of this process."""
    collector = Collector()
    collector.free.set()
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.add_route("/v1/traces", collector.take_spans, ["POST"])
    app.add_route("/v1/metrics", collector.take_metrics, ["POST"])
    app.add_route("/{path:path}", collector.take, ["GET", "POST"])
    made = list[Pipeline]()
    before = exporters()

    def noted(config: TelemetrySettings, scraped: MetricsSettings) -> Pipeline:
        made.append(MAKE(config, scraped))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "pipeline", noted)
        async with serving(app) as port:
            collector.url = f"http://127.0.0.1:{port}"
            try:
                yield collector
            finally:
                collector.free.set()
                for each in made:
                    await asyncio.to_thread(each.close)
                await wait_until(lambda: exporters() <= before)  # `close` has a time limit
                MAKE.cache_clear()  # the next collector may be given the same port


def exporters() -> set[threading.Thread]:
    """Find the threads in which OpenTelemetry exports."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("Otel")}


def attributes(span: Span) -> dict[str, str | int]:
    """Read the attributes of a span."""
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}
