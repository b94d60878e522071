"""Tests of timestamps: those of a new row are equal, and an update changes only `updated_at`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Executable, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_resource
from tests.support.sample_resource import Jot, JotBase

PAST = datetime(2020, 1, 1, tzinfo=UTC)
ROWS = [{"title": "one"}, {"title": "two"}]


async def times(session: AsyncSession) -> Sequence[Any]:
    """Return the timestamps of all jots."""
    return (await session.execute(select(Jot.created_at, Jot.updated_at))).all()


@pytest.mark.parametrize(
    "statement",
    [insert(Jot), JotBase.metadata.tables["jots"].insert(), insert(Jot).returning(Jot.id)],
    ids=["orm", "core", "returning"],
)
async def test_insert_sets_equal_timestamps(session: AsyncSession, statement: Executable) -> None:
    await session.execute(statement, ROWS)
    created = await times(session)
    assert [row.updated_at for row in created] == [row.created_at for row in created]
    assert len(created) == len(ROWS)


async def test_update_changes_only_updated_at(session: AsyncSession) -> None:
    jot = await sample_resource.make(session)
    created_at = jot.created_at
    assert jot.updated_at == created_at
    await session.execute(update(Jot).values(text="new"))
    (row,) = await times(session)
    assert row.updated_at > row.created_at == created_at


async def test_given_created_at_is_updated_at_of_new_row(session: AsyncSession) -> None:
    await session.execute(insert(Jot).values(title="one", created_at=PAST))
    assert await times(session) == [(PAST, PAST)]
