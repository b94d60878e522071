"""Totals: a list is counted once, until its table changes."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import Select, String, TypeDecorator, cast, func, select
from sqlalchemy.types import TypeEngine

from app.cache.totals import STATEMENTS, count
from development import databases
from tests.support.cache import Caching, making
from tests.support.query_count import selects
from tests.support.sample_resource import Jot, JotKind

COUNT = select(func.count()).select_from(Jot)
IDEAS = COUNT.where(Jot.kind == JotKind.IDEA)
TASKS = COUNT.where(Jot.kind == JotKind.TASK)


@pytest.fixture(scope="module")
async def service(migrated_url: str) -> AsyncGenerator[Caching, None]:
    """Run a service that stores values in its memory."""
    database = await databases.clone(migrated_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", database)
        async with making(patch, database)() as found:
            yield found
    await databases.drop(database)


@pytest.fixture
async def caching(service: Caching) -> Caching:
    """Give the service without a row or a value."""
    await service.begin()
    return service


async def total(caching: Caching, statement: Select[int] = COUNT) -> int:
    """Count as a request does."""
    async with caching.app.state.readers() as session:
        return await count(session, statement)


async def test_a_list_is_counted_once_until_it_changes(caching: Caching) -> None:
    for number in range(3):
        with selects(caching.app) as seen:
            assert [await total(caching) for _ in range(3)] == [number] * 3
        assert len(seen) == 1
        await caching.add(f"{number}")


async def test_each_question_has_a_total_of_its_own(caching: Caching) -> None:
    await caching.add("one")
    for _ in range(2):
        assert [await total(caching, each) for each in (IDEAS, TASKS, COUNT)] == [1, 0, 1]
    one, other = (COUNT.where(Jot.title.in_(titles)) for titles in (["one"], ["two", "three"]))
    assert [await total(caching, each) for each in (one, other)] == [1, 0]


async def test_a_transaction_counts_what_it_has_done(caching: Caching) -> None:
    await total(caching)
    async with caching.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
        assert await count(session, COUNT) == 1
        await session.rollback()
    assert await total(caching) == 0


async def test_a_session_that_holds_a_connection_takes_no_other(caching: Caching) -> None:
    async with caching.app.state.readers() as session:
        await session.execute(select(Jot))
        for _ in range(2):
            with selects(caching.app) as seen:
                await count(session, COUNT)
            assert len(seen) == 1


async def test_disabled_cache_counts_in_the_given_session(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    async with (
        making(monkeypatch, database_url)(ENABLED="false") as caching,
        caching.app.state.readers() as session,
    ):
        assert await count(session, COUNT) == 0
        assert session.in_transaction()


async def test_statement_without_a_key_is_counted_each_time(caching: Caching) -> None:
    class Uncacheable(TypeDecorator[str]):
        impl: TypeEngine[Any] | type[TypeEngine[Any]] = String
        cache_ok: bool | None = False

    await caching.add("one")
    title = cast(Jot.title, Uncacheable())
    with selects(caching.app) as seen:
        for name, number in [("one", 1), ("two", 0)] * 2:
            assert await total(caching, COUNT.where(title == name)) == number
    assert len(seen) == 4


@pytest.mark.parametrize(("before", "after"), [(STATEMENTS - 1, STATEMENTS), (STATEMENTS, 1)])
async def test_no_more_statements_are_remembered_than_there_is_room_for(
    caching: Caching, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    texts: dict[object, str] = dict.fromkeys(range(before), "")
    monkeypatch.setattr("app.cache.totals._texts", texts)
    await total(caching)
    assert len(texts) == after
