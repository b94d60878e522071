"""What follows a commit: once, and only if there is one."""

from collections.abc import AsyncGenerator, Callable

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.after_commit import after_commit

Called = list[str]


@pytest.fixture
async def own(app: FastAPI) -> AsyncGenerator[AsyncSession, None]:
    """Open a session as a request has it, on a database that it leaves as it is."""
    async with app.state.sessions() as session:
        yield session


@pytest.fixture
def called() -> Called:
    """List what was called."""
    return []


def noting(called: Called, name: str) -> Callable[[], None]:
    """Make a function that notes that it is called."""
    return lambda: called.append(name)


async def test_it_is_called_once_all_is_committed(own: AsyncSession, called: Called) -> None:
    async with own.begin():
        after_commit(own, noting(called, "first"))
        after_commit(own, noting(called, "second"))
        assert called == []
    assert called == ["first", "second"]
    async with own.begin():
        pass
    assert called == ["first", "second"]


async def test_it_is_not_called_after_a_rollback(own: AsyncSession, called: Called) -> None:
    async with own.begin() as transaction:
        after_commit(own, noting(called, "lost"))
        await transaction.rollback()
    async with own.begin():
        after_commit(own, noting(called, "kept"))
    assert called == ["kept"]


async def test_a_savepoint_takes_its_own_with_it(own: AsyncSession, called: Called) -> None:
    async with own.begin():
        after_commit(own, noting(called, "around"))
        async with own.begin_nested() as savepoint:
            after_commit(own, noting(called, "lost"))
            await savepoint.rollback()
        async with own.begin_nested():
            after_commit(own, noting(called, "kept"))
        assert called == []
    assert called == ["around", "kept"]


async def test_a_savepoint_that_ended_is_undone_with_what_is_around(
    own: AsyncSession, called: Called
) -> None:
    async with own.begin(), own.begin_nested() as outer:
        async with own.begin_nested():
            after_commit(own, noting(called, "lost"))
        await outer.rollback()
    assert called == []


async def test_one_that_fails_keeps_no_other_from_its_turn(
    own: AsyncSession, called: Called, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async with own.begin():
        after_commit(own, fail)
        after_commit(own, noting(called, "next"))
    assert called == ["next"]
    assert "ZeroDivisionError" in capsys.readouterr().out
