"""Service with a cache and a cached route, for the tests of the cache."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient
from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cache import Cache, Cached, ValueCache
from tests.support import sample_resource as jots
from tests.support.live_server import lifespan
from tests.support.sample_resource import Jot

TITLES = Cached("titles", TypeAdapter(list[str]), (Jot,), 60)
JOTS = jots.JotBase.metadata.tables["jots"]
URL = "/titles"

router = APIRouter()


@dataclass(frozen=True)
class CachedService:
    """Running service with a cache, and an HTTP client of the service."""

    app: FastAPI
    client: AsyncClient

    @property
    def values(self) -> ValueCache:
        """Cache of the service."""
        cache: ValueCache = self.app.state.cache
        return cache

    async def reset(self) -> None:
        """Delete all jots, and invalidate all cached values."""
        async with self.app.state.engine.begin() as connection:
            await connection.execute(JOTS.delete())
        self.values.versions.invalidate_all()
        await self.values.versions.wait_until_published()

    async def titles(self) -> list[str]:
        """Request the titles of all jots from the cached route."""
        titles: list[str] = (await self.client.get(URL)).raise_for_status().json()
        return titles

    async def add(self, title: str) -> None:
        """Create a jot through the API."""
        (await self.client.post(jots.URL, json={"title": title})).raise_for_status()


ServiceFactory = Callable[..., AbstractAsyncContextManager[CachedService]]


async def load(session: AsyncSession) -> list[str]:
    """Query the titles of all jots, in alphabetical order."""
    return list(await session.scalars(select(Jot.title).order_by(Jot.title)))


@router.get(URL, include_in_schema=False)
async def titles(cache: Cache) -> list[str]:
    """Return the titles of all jots, from the cache if possible."""
    return await cache.get(TITLES, load)


def service_factory(patch: pytest.MonkeyPatch, prefix: str) -> ServiceFactory:
    """Return a function that runs a service with the given prefix of cache keys."""

    @asynccontextmanager
    async def make_service(**environment: str) -> AsyncGenerator[CachedService, None]:
        for name, value in {"ENABLED": "true", **environment}.items():
            patch.setenv(f"CACHE_{name}", value)
        app = jots.create_app()
        app.include_router(router)
        app.state.cache.versions.prefix = prefix
        transport = ASGITransport(app)
        async with (
            lifespan(app),
            AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            yield CachedService(app, client)

    return make_service
