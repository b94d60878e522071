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
from app.cache.etags import ETagMiddleware as Answers
from app.cache.invalidation import TableVersions as Generations
from app.cache.stores import MemoryStore as Memory
from app.cache.stores import ValkeyStore as Shared
from app.cache.values import CACHE, Cached, Values
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
    values = CACHE.get(app)
    if values.enabled:
        values.generations.start()
    yield
    await values.aclose()


async def cache(connection: HTTPConnection) -> Values:
    """Give the cache of this process."""
    return CACHE.get(connection.app)


Cache = Annotated[Values, Depends(cache)]


def install(app: FastAPI) -> None:
    """Give the service its cache, and its answers tags."""
    config = settings.read(CacheSettings)
    store = Shared(valkey.connection_pool(config.url)) if config.url else Memory(config.memory)
    generations = Generations(store, f"cache:{app.title}")
    CACHE.set(app, Values(app, store, generations, enabled=config.enabled))
    app.include_router(APIRouter(lifespan=lifespan))
    if config.enabled:
        changes.subscribe(app, generations.hear)
    gzip_from = settings.read(MiddlewareSettings).gzip_from
    app.add_middleware(Answers, generations=generations, gzip_from=gzip_from)
