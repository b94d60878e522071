"""Tests of the cached row counts of lists: hits, invalidation, transactions."""

from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Any

import pytest
from sqlalchemy import Select, String, TypeDecorator, cast, func, select
from sqlalchemy.types import TypeEngine

from app.cache.totals import MAX_STATEMENTS, count
from development import databases
from tests.support.cache import CachedService, service_factory
from tests.support.query_count import selects
from tests.support.sample_resource import Jot, JotKind

COUNT = select(func.count()).select_from(Jot)
IDEAS = COUNT.where(Jot.kind == JotKind.IDEA)
TASKS = COUNT.where(Jot.kind == JotKind.TASK)


@pytest.fixture(scope="module")
async def service(migrated_url: str) -> AsyncGenerator[CachedService, None]:
    """Run a service that stores values in memory."""
    database = await databases.clone(migrated_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database)
        async with service_factory(patch, database)() as running:
            yield running
    await databases.drop(database)


@pytest.fixture
async def cached(service: CachedService) -> CachedService:
    """Return the service with an empty table and an empty cache."""
    await service.reset()
    return service


async def total(cached: CachedService, statement: Select[int] = COUNT) -> int:
    """Count rows in a read session, as a request does."""
    async with cached.app.state.readers() as session:
        return await count(session, statement)


async def test_list_total_is_counted_once_until_table_changes(cached: CachedService) -> None:
    for number in range(3):
        with selects(cached.app) as seen:
            assert [await total(cached) for _ in range(3)] == [number] * 3
        assert len(seen) == 1
        await cached.add(f"{number}")


async def test_lists_with_different_filters_have_separate_totals(cached: CachedService) -> None:
    await cached.add("one")
    for _ in range(2):
        assert [await total(cached, each) for each in (IDEAS, TASKS, COUNT)] == [1, 0, 1]
    one, other = (COUNT.where(Jot.title.in_(titles)) for titles in (["one"], ["two", "three"]))
    assert [await total(cached, each) for each in (one, other)] == [1, 0]


async def test_total_in_transaction_includes_its_uncommitted_rows(cached: CachedService) -> None:
    await total(cached)
    async with cached.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
        assert await count(session, COUNT) == 1
        await session.rollback()
    assert await total(cached) == 0


async def test_count_reuses_open_session_connection(cached: CachedService) -> None:
    async with cached.app.state.readers() as session:
        await session.execute(select(Jot))
        for _ in range(2):
            with selects(cached.app) as seen:
                await count(session, COUNT)
            assert len(seen) == 1


async def test_count_without_cache_uses_caller_session(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    async with (
        service_factory(monkeypatch, database_url)(ENABLED="false") as cached,
        cached.app.state.readers() as session,
    ):
        assert await count(session, COUNT) == 0
        assert session.in_transaction()


async def test_uncacheable_statement_is_counted_each_time(cached: CachedService) -> None:
    class Uncacheable(TypeDecorator[str]):
        impl: TypeEngine[Any] | type[TypeEngine[Any]] = String
        cache_ok: bool | None = False

    await cached.add("one")
    title = cast(Jot.title, Uncacheable())
    with selects(cached.app) as seen:
        for name, number in [("one", 1), ("two", 0)] * 2:
            assert await total(cached, COUNT.where(title == name)) == number
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("before", "after"), [(MAX_STATEMENTS - 1, MAX_STATEMENTS), (MAX_STATEMENTS, 1)]
)
async def test_memoized_sql_statements_are_limited(
    cached: CachedService, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    texts: dict[object, str] = dict.fromkeys(range(before), "")
    monkeypatch.setattr("app.cache.totals._statements", texts)
    await total(cached)
    assert len(texts) == after


def test_installed_sqlalchemy_version_is_supported() -> None:
    message = "Re-check `_generate_cache_key` and `to_offline_string` in app/cache/totals.py."
    assert version("sqlalchemy").startswith("2.1."), message
