"""The cache: values that are dear to compute, kept until what they are made of changes.

A value depends on tables. A commit that changes one of them makes it void before the answer leaves,
for all processes that share a Valkey. While that is out of reach, everything is computed.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict
from starlette.requests import HTTPConnection

from app import changes, settings, valkey
from app.cache.freshness import Generations
from app.cache.keeping import Memory, Shared
from app.cache.tagging import Answers
from app.cache.values import Cached, Values
from app.middleware import MiddlewareSettings

__all__ = ["Cache", "CacheSettings", "Cached", "Values", "install"]


class CacheSettings(settings.EnvironmentSettings):
    """Where values are kept, and how many."""

    model_config = SettingsConfigDict(env_prefix="CACHE_")

    enabled: bool = Field(default=True, description="Set it to true or false.")
    url: valkey.ValkeyUrl | None = Field(
        None, description="Set it to redis://host:6379/0, or leave it out."
    )
    memory: PositiveInt = Field(32 << 20, description="Set it to a number of bytes.")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Begin with nothing that is older than the service, and leave nothing untold."""
    values: Values = app.state.cache
    if values.enabled:
        values.generations.start()
    yield
    await values.aclose()


async def cache(connection: HTTPConnection) -> Values:
    """Give the cache of this process."""
    found: Values = connection.app.state.cache
    return found


Cache = Annotated[Values, Depends(cache)]


def install(app: FastAPI) -> None:
    """Give the service its cache, and its answers tags."""
    chosen = settings.read(CacheSettings)
    store = Shared(valkey.connections(chosen.url)) if chosen.url else Memory(chosen.memory)
    generations = Generations(store, f"cache:{app.title}")
    app.state.cache = Values(app, store, generations, enabled=chosen.enabled)
    app.include_router(APIRouter(lifespan=lifespan))
    if chosen.enabled:
        changes.subscribe(app, generations.hear)
    gzip_from = settings.read(MiddlewareSettings).gzip_from
    app.add_middleware(Answers, generations=generations, gzip_from=gzip_from)
