"""Spans of Valkey commands, without the commands' keys and values.

The instrumentation patches the client library's classes, not a single client. If several services
run in one process, only the first one receives the spans.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from app.observability.pipeline import PIPELINE


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Trace Valkey commands while the service runs, if traces are exported."""
    if not PIPELINE.get(app).exports_traces:
        yield
        return
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    instrumentor = RedisInstrumentor()
    instrumentor.instrument(tracer_provider=PIPELINE.get(app).tracer_provider)
    yield
    instrumentor.uninstrument()


def install(app: FastAPI) -> None:
    """Trace the service's Valkey commands."""
    app.include_router(APIRouter(lifespan=lifespan))
