"""The service with a cache, in this process: what the tests of the cache share."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient
from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.cache import Cache, Cached, Values
from tests.support import sample_resource as jots
from tests.support.live_server import lifespan
from tests.support.sample_resource import Jot

TITLES = Cached("titles", TypeAdapter(list[str]), (Jot,), 60)
JOTS = jots.JotBase.metadata.tables["jots"]
URL = "/titles"

router = APIRouter()


@dataclass(frozen=True)
class Caching:
    """A service that runs, and a client that calls it."""

    app: FastAPI
    client: AsyncClient

    @property
    def values(self) -> Values:
        """Its cache."""
        found: Values = self.app.state.cache
        return found

    async def begin(self) -> None:
        """Forget all jots, and what was kept of them."""
        async with self.app.state.engine.begin() as connection:
            await connection.execute(JOTS.delete())
        self.values.generations.start()
        await self.values.generations.settle()

    async def titles(self) -> list[str]:
        """Ask for titles, which may be kept."""
        found: list[str] = (await self.client.get(URL)).raise_for_status().json()
        return found

    async def add(self, title: str) -> None:
        """Add a jot, as a client does."""
        (await self.client.post(jots.URL, json={"title": title})).raise_for_status()


Made = Callable[..., AbstractAsyncContextManager[Caching]]


async def load(session: AsyncSession) -> list[str]:
    """Ask the database for titles."""
    return list(await session.scalars(select(Jot.title).order_by(Jot.title)))


@router.get(URL, include_in_schema=False)
async def titles(cache: Cache) -> list[str]:
    """Show titles, which may be kept."""
    return await cache.get(TITLES, load)


def making(patch: pytest.MonkeyPatch, prefix: str) -> Made:
    """Build services that keep their values below a prefix, apart from those of other tests."""

    @asynccontextmanager
    async def made(**environment: str) -> AsyncGenerator[Caching, None]:
        for name, value in {"ENABLED": "true", **environment}.items():
            patch.setenv(f"CACHE_{name}", value)
        app = jots.create_app()
        app.include_router(router)
        app.state.cache.generations.prefix = prefix
        transport = ASGITransport(app)
        async with (
            lifespan(app),
            AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            yield Caching(app, client)

    return made
