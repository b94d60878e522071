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
from app.observability import reports, statements
from app.observability.pipeline import Pipeline, current
from app.observability.settings import SentrySettings
from app.observability.vitals import vitals

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
    made: Pipeline = app.state.observability
    engine = app.state.engine.sync_engine
    async with AsyncExitStack() as stack:
        stack.enter_context(reports.reporting())
        if made.traces or made.measures:
            made.publish()
            stack.push_async_callback(asyncio.to_thread, made.flush)
            trace_calls(app.state.http_client, made)
        if made.traces:
            stack.enter_context(statements.traced(engine, made.tracers))
        if made.measures:
            stack.enter_context(vitals(made.meters).watching(engine))
            await stack.enter_async_context(vitals(made.meters).timing())
        yield


def install(app: FastAPI) -> None:
    """Watch the service while it runs, and name the span in every line of the log."""
    settings.read(SentrySettings)
    app.state.observability = current()
    if name_span not in logging.ADDED:
        logging.ADDED.append(name_span)
    app.include_router(APIRouter(lifespan=lifespan))
