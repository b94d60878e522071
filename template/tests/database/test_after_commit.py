"""Tests of after-commit hooks: called once, and never after a rollback."""

from collections.abc import AsyncGenerator, Callable

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.after_commit import after_commit

Calls = list[str]


@pytest.fixture
async def real_session(app: FastAPI) -> AsyncGenerator[AsyncSession, None]:
    """Open a session with real commits, for tests that write nothing."""
    async with app.state.sessions() as session:
        yield session


@pytest.fixture
def calls() -> Calls:
    """Return the names of the hooks that were called, in order."""
    return []


def hook(calls: Calls, name: str) -> Callable[[], None]:
    """Return an after-commit hook that records its call."""
    return lambda: calls.append(name)


async def test_after_commit_hooks_run_once(real_session: AsyncSession, calls: Calls) -> None:
    async with real_session.begin():
        after_commit(real_session, hook(calls, "first"))
        after_commit(real_session, hook(calls, "second"))
        assert calls == []
    assert calls == ["first", "second"]
    async with real_session.begin():
        pass
    assert calls == ["first", "second"]


async def test_rollback_discards_after_commit_hook(
    real_session: AsyncSession, calls: Calls
) -> None:
    async with real_session.begin() as transaction:
        after_commit(real_session, hook(calls, "discarded"))
        await transaction.rollback()
    async with real_session.begin():
        after_commit(real_session, hook(calls, "committed"))
    assert calls == ["committed"]


async def test_rollback_to_savepoint_discards_only_its_hooks(
    real_session: AsyncSession, calls: Calls
) -> None:
    async with real_session.begin():
        after_commit(real_session, hook(calls, "outer"))
        async with real_session.begin_nested() as savepoint:
            after_commit(real_session, hook(calls, "discarded"))
            await savepoint.rollback()
        async with real_session.begin_nested():
            after_commit(real_session, hook(calls, "committed"))
        assert calls == []
    assert calls == ["outer", "committed"]


async def test_rollback_discards_inner_savepoint_hooks(
    real_session: AsyncSession, calls: Calls
) -> None:
    async with real_session.begin(), real_session.begin_nested() as outer:
        async with real_session.begin_nested():
            after_commit(real_session, hook(calls, "discarded"))
        await outer.rollback()
    assert calls == []


async def test_failing_hook_is_logged_and_next_hook_runs(
    real_session: AsyncSession, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async with real_session.begin():
        after_commit(real_session, fail)
        after_commit(real_session, hook(calls, "next"))
    assert calls == ["next"]
    assert "ZeroDivisionError" in capsys.readouterr().out
