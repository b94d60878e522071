"""Cache of expensive values, with invalidation after commits that change their tables.

A commit that changes a table invalidates the values that depend on it, in all processes that share
a Valkey. The response is sent after the invalidation. While Valkey is unavailable, every value is
computed.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from pydantic import Field, PositiveInt
from pydantic_settings import SettingsConfigDict
from starlette.requests import HTTPConnection

from app import changes, settings, valkey
from app.cache.etags import ETagMiddleware
from app.cache.invalidation import TableVersions
from app.cache.stores import MemoryStore, ValkeyStore
from app.cache.values import CACHE, Cached, ValueCache
from app.middleware import MiddlewareSettings

__all__ = ["Cache", "CacheSettings", "Cached", "ValueCache", "install"]


class CacheSettings(settings.EnvironmentSettings):
    """Settings of the cache: whether it is enabled, its Valkey, and its size in memory."""

    model_config = SettingsConfigDict(env_prefix="CACHE_")

    enabled: bool = Field(default=True, description="Set it to true or false.")
    url: valkey.ValkeyUrl | None = Field(
        None,
        repr=False,
        description="Set it to redis://host:6379/0; unset, values are stored in memory.",
    )
    memory: PositiveInt = Field(
        32 << 20, description="Set it to the maximum size in bytes of values stored in memory."
    )

    def connections(self) -> Mapping[str, settings.Probe]:
        """Return a function that connects to Valkey, if its URL is set."""
        return valkey.connections(self.url)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Invalidate all cached values at startup; publish pending invalidations at shutdown."""
    values = CACHE.get(app)
    if values.enabled:
        values.versions.invalidate_all()
    yield
    await values.aclose()


async def cache(connection: HTTPConnection) -> ValueCache:
    """Return the value cache of this process (a dependency)."""
    return CACHE.get(connection.app)


Cache = Annotated[ValueCache, Depends(cache)]


def install(app: FastAPI) -> None:
    """Install the value cache and the ETag middleware."""
    config = settings.read(CacheSettings)
    store = (
        ValkeyStore(valkey.connection_pool(config.url))
        if config.url
        else MemoryStore(config.memory)
    )
    versions = TableVersions(store, f"cache:{app.title}")
    CACHE.set(app, ValueCache(app, store, versions, enabled=config.enabled))
    app.include_router(APIRouter(lifespan=lifespan))
    if config.enabled:
        changes.subscribe(app, versions.handle_changes)
    gzip_from = settings.read(MiddlewareSettings).gzip_from
    app.add_middleware(ETagMiddleware, versions=versions, gzip_from=gzip_from)
