"""Instrumentation of HTTP requests, HTTP client, database, event loop and logs."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from httpx2 import AsyncClient
from opentelemetry import trace
from structlog.typing import EventDict, WrappedLogger

from app import health, logging, settings
from app.database import ENGINE
from app.http_client import HTTP_CLIENT
from app.observability import sentry, sql_spans
from app.observability.pipeline import PIPELINE, Pipeline, current_pipeline
from app.observability.runtime_metrics import runtime_metrics
from app.observability.settings import SentrySettings

SEMCONV_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"  # without this, attributes have their old names


def config() -> TelemetryConfig:
    """Return the telemetry settings of FastAPI, which exclude health probes.

    Raises:
        ConfigurationError: a setting is invalid.
    """
    pipeline = current_pipeline()
    return {
        "tracer_provider": pipeline.tracer_provider,
        "meter_provider": pipeline.meter_provider,
        "tracing": pipeline.exports_traces,
        "metrics": pipeline.has_metrics,
        "logs": False,  # they contain the messages of errors
        "operation_spans": False,  # one span per dependency would cost more than the request
        "auto_configure": False,
        "exclude": health.is_probe,
    }


def add_trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the current trace ID and span ID to a log line."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def instrument_client(client: AsyncClient, pipeline: Pipeline) -> None:
    """Trace outgoing HTTP requests, and send the trace context to other services."""
    os.environ.setdefault(SEMCONV_OPT_IN, "http,database")
    from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

    HTTPX2ClientInstrumentor.instrument_client(
        client, tracer_provider=pipeline.tracer_provider, meter_provider=pipeline.meter_provider
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Record spans and metrics while the service runs; export the last ones at shutdown."""
    pipeline = PIPELINE.get(app)
    engine = ENGINE.get(app).sync_engine
    async with AsyncExitStack() as stack:
        stack.enter_context(sentry.report_errors())
        if pipeline.exports_traces or pipeline.has_metrics:
            pipeline.set_global()
            stack.push_async_callback(asyncio.to_thread, pipeline.flush)
            instrument_client(HTTP_CLIENT.get(app), pipeline)
        if pipeline.exports_traces:
            stack.enter_context(sql_spans.trace_statements(engine, pipeline.tracer_provider))
        if pipeline.has_metrics:
            instruments = runtime_metrics(pipeline.meter_provider)
            stack.enter_context(instruments.observing_pool(engine))
            await stack.enter_async_context(instruments.measuring_lag())
        yield


def install(app: FastAPI) -> None:
    """Install tracing and metrics, and add the trace IDs to every log line."""
    settings.read(SentrySettings)
    PIPELINE.set(app, current_pipeline())
    if add_trace_ids not in logging.EXTRA_PROCESSORS:
        logging.EXTRA_PROCESSORS.append(add_trace_ids)
    app.include_router(APIRouter(lifespan=lifespan))
