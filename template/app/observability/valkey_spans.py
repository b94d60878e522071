"""What Valkey is asked, as spans: the commands, without keys and values.

The library's classes are traced, not one client: the first service of a process that runs has them.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from app.observability.pipeline import PIPELINE


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Trace while the service runs, where traces are wanted."""
    if not PIPELINE.get(app).traces:
        yield
        return
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    instrumentor = RedisInstrumentor()
    instrumentor.instrument(tracer_provider=PIPELINE.get(app).tracers)
    yield
    instrumentor.uninstrument()


def install(app: FastAPI) -> None:
    """Trace what the service asks of Valkey."""
    app.include_router(APIRouter(lifespan=lifespan))
