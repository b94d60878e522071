"""What is seen of a service that answers requests, and of what it holds to do so."""

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
from app.observability.pipeline import PIPELINE, Pipeline, current
from app.observability.runtime_metrics import runtime_metrics
from app.observability.settings import SentrySettings

CONVENTIONS = "OTEL_SEMCONV_STABILITY_OPT_IN"  # libraries name things as they did, unless it is set


def config() -> TelemetryConfig:
    """Say what FastAPI shall tell of requests; of probes, nothing.

    Raises:
        ConfigurationError: a setting is malformed.
    """
    made = current()
    return {
        "tracer_provider": made.tracers,
        "meter_provider": made.meters,
        "tracing": made.traces,
        "metrics": made.measures,
        "logs": False,  # they hold the words of errors
        "operation_spans": False,  # of every dependency: they cost more than the request's own
        "auto_configure": False,
        "exclude": lambda scope: scope["path"].startswith(health.PROBES),
    }


def name_span(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add to a line which trace it belongs to, and which span of it."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def trace_calls(client: AsyncClient, made: Pipeline) -> None:
    """Trace calls to other services, which are told of the trace."""
    os.environ.setdefault(CONVENTIONS, "http,database")
    from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

    HTTPX2ClientInstrumentor.instrument_client(
        client, tracer_provider=made.tracers, meter_provider=made.meters
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Watch what the service holds while it runs; send what was seen before it stops."""
    made = PIPELINE.get(app)
    engine = ENGINE.get(app).sync_engine
    async with AsyncExitStack() as stack:
        stack.enter_context(sentry.report_errors())
        if made.traces or made.measures:
            made.publish()
            stack.push_async_callback(asyncio.to_thread, made.flush)
            trace_calls(HTTP_CLIENT.get(app), made)
        if made.traces:
            stack.enter_context(sql_spans.trace_statements(engine, made.tracers))
        if made.measures:
            stack.enter_context(runtime_metrics(made.meters).watching(engine))
            await stack.enter_async_context(runtime_metrics(made.meters).timing())
        yield


def install(app: FastAPI) -> None:
    """Watch the service while it runs, and name the span in every line of the log."""
    settings.read(SentrySettings)
    PIPELINE.set(app, current())
    if name_span not in logging.EXTRA_PROCESSORS:
        logging.EXTRA_PROCESSORS.append(name_span)
    app.include_router(APIRouter(lifespan=lifespan))
