"""HTTP client for other services, with timeouts and one connection pool per process."""

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
    """Timeouts and connection limit of the HTTP client."""

    model_config = SettingsConfigDict(env_prefix="HTTP_CLIENT_")

    timeout: PositiveFloat = Field(10, description="Set it to a number of seconds.")
    connect_timeout: PositiveFloat = Field(3, description="Set it to a number of seconds.")
    max_connections: PositiveInt = Field(100, description="Set it to a number of connections.")


async def forward_request_id(request: Request) -> None:
    """Send the current request ID to the other service, so that logs can be correlated."""
    if request_id := logging.current_request_id.get():
        request.headers.setdefault(logging.HEADER, request_id)


@cache
def ssl_context() -> SSLContext:
    """Load the trusted CA certificates once, since that takes tens of milliseconds."""
    return create_ssl_context()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Open the HTTP client's connection pool, and close it at shutdown."""
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
    """Validate the client's settings, and open its connection pool while the service runs."""
    settings.read(HttpClientSettings)
    app.include_router(APIRouter(lifespan=lifespan))
