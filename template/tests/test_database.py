"""The database: sessions, and the promise that the tests touch no database but their own."""

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.product import Product
from development import databases
from tests.factories import product as factory
from tests.serving import Live


async def count(session: AsyncSession) -> int:
    """Count the products."""
    return await session.scalar(select(func.count()).select_from(Product)) or 0


@pytest.mark.parametrize("attempt", [1, 2])
async def test_tests_do_not_meet_what_others_kept(session: AsyncSession, attempt: int) -> None:
    assert await count(session) == 0, attempt
    await factory.make(session, sku="SAME")
    assert await count(session) == 1


async def test_a_reader_sees_what_is_committed(live: Live) -> None:
    async with live.app.state.sessions() as writer, live.app.state.readers() as reader:
        assert await count(reader) == 0
        await factory.make(writer)
        writer.add(Product(**factory.payload(price=1, status="draft")))
        await writer.flush()
        assert await count(reader) == 1


async def test_the_tests_database_is_their_own(app: FastAPI) -> None:
    assert "test" in app.state.engine.url.database


async def test_only_a_test_database_is_dropped(database_server: str) -> None:
    with pytest.raises(ValueError, match="it stays"):
        await databases.drop(database_server)


async def test_a_copy_does_not_touch_its_original(live: Live, session: AsyncSession) -> None:
    async with live.app.state.sessions.begin() as other:
        await other.execute(text("DELETE FROM products"))
        other.add(Product(**factory.payload(price=1, status="draft")))
    assert await count(session) == 0
