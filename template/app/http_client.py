"""HTTP client for requests to other services: one connection pool per process, with timeouts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from ssl import SSLContext
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from httpx2 import AsyncClient, Limits, Request, Timeout, create_ssl_context
from pydantic import Field, PositiveFloat, PositiveInt
from pydantic_settings import SettingsConfigDict
from starlette.requests import HTTPConnection

from app import logging, settings
from app.state import StateKey

HTTP_CLIENT = StateKey[AsyncClient]("http_client")


class HttpClientSettings(settings.EnvironmentSettings):
    """Timeouts and size of the connection pool."""

    model_config = SettingsConfigDict(env_prefix="HTTP_CLIENT_")

    timeout: PositiveFloat = Field(10, description="Set it to a number of seconds.")
    connect_timeout: PositiveFloat = Field(3, description="Set it to a number of seconds.")
    max_connections: PositiveInt = Field(100, description="Set it to a number of connections.")


async def forward_request_id(request: Request) -> None:
    """Send the current request ID to the other service, to correlate logs."""
    if request_id := logging.current_request_id.get():
        request.headers.setdefault(logging.HEADER, request_id)


@cache
def ssl_context() -> SSLContext:
    """Load the trusted CA certificates; cached, since it takes tens of milliseconds."""
    return create_ssl_context()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Open the connection pool, and close it at shutdown."""
    config = settings.read(HttpClientSettings)
    async with AsyncClient(
        verify=ssl_context(),
        timeout=Timeout(config.timeout, connect=config.connect_timeout),
        limits=Limits(max_connections=config.max_connections),
        event_hooks={"request": [forward_request_id]},
    ) as client:
        HTTP_CLIENT.set(app, client)
        yield


async def http_client(connection: HTTPConnection) -> AsyncClient:
    """Return the HTTP client of this process."""
    return HTTP_CLIENT.get(connection.app)


HttpClient = Annotated[AsyncClient, Depends(http_client)]


def install(app: FastAPI) -> None:
    """Open the HTTP client while the service runs; validate its settings now."""
    settings.read(HttpClientSettings)
    app.include_router(APIRouter(lifespan=lifespan))
