"""Tests of deletion and soft deletion of rows that reference each other or themselves."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, MetaData, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app import deletion
from app.database import Sessions, lock_references, remove
from app.errors import Conflict, Invalid
from app.migrate import create
from app.models.base import Base, Identified

RULES = ("restrict", "null", "cascade")


class References(Identified, Base):
    """Base class of the sample models, with foreign keys to both tables."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)

    restrict_hard_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("hard_jots.id", ondelete="RESTRICT")
    )
    null_hard_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("hard_jots.id", ondelete="SET NULL")
    )
    cascade_hard_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("hard_jots.id", ondelete="CASCADE")
    )
    restrict_soft_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("soft_jots.id", ondelete="RESTRICT")
    )
    null_soft_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("soft_jots.id", ondelete="SET NULL")
    )
    cascade_soft_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("soft_jots.id", ondelete="CASCADE")
    )


class HardJot(References):
    """Row that is deleted."""

    __tablename__ = "hard_jots"


class SoftJot(References):
    """Row that is soft-deleted."""

    __tablename__ = "soft_jots"

    deleted_at: Mapped[datetime | None]


MODELS = {"hard": HardJot, "soft": SoftJot}

for _model, _rule, _kind in product(MODELS.values(), RULES, MODELS):
    _column, _target = getattr(_model, f"{_rule}_{_kind}_id"), MODELS[_kind]
    _relationship = relationship(
        _target, foreign_keys=[_column], remote_side=[_target.id], lazy="raise"
    )
    setattr(_model, f"{_rule}_{_kind}", _relationship)


@pytest.fixture
async def jots(session: AsyncSession) -> AsyncSession:
    """Create the tables of the sample models, which the session rolls back."""
    connection = await session.connection()
    await connection.run_sync(References.metadata.create_all)
    return session


async def add(session: AsyncSession, kind: str, **references: UUID) -> References:
    """Insert a row."""
    row = MODELS[kind](**{f"{name}_id": key for name, key in references.items()})
    session.add(row)
    await session.flush()
    return row


async def live_ids(session: AsyncSession) -> set[UUID]:
    """Return the ids of all rows that are neither deleted nor soft-deleted."""
    hard = await session.scalars(select(HardJot.id))
    soft = await session.scalars(select(SoftJot.id).where(SoftJot.deleted_at.is_(None)))
    return {*hard, *soft}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("kind", MODELS)
async def test_row_that_references_itself_is_deleted(
    jots: AsyncSession, kind: str, rule: str
) -> None:
    row = await add(jots, kind)
    setattr(row, f"{rule}_{kind}_id", row.id)
    await jots.commit()
    await remove(jots, row)
    assert await live_ids(jots) == set()


@pytest.mark.parametrize("other", MODELS)
@pytest.mark.parametrize("kind", MODELS)
async def test_restricting_cycle_is_deleted_after_null(
    jots: AsyncSession, kind: str, other: str
) -> None:
    first = await add(jots, kind)
    second = await add(jots, other, **{f"restrict_{kind}": first.id})
    setattr(first, f"restrict_{other}_id", second.id)
    await jots.commit()
    ids = {first.id, second.id}
    fix = f"Delete them first, or set .*restrict_{kind}_id.* to null.$"
    with pytest.raises(Conflict, match=f"^Cannot delete: .*{other} jots.* reference .* {fix}"):
        async with jots.begin_nested():
            await remove(jots, first)
    assert await live_ids(jots) == ids
    await jots.refresh(first)
    await jots.refresh(second)
    setattr(second, f"restrict_{kind}_id", None)
    await jots.flush()
    await remove(jots, first)
    assert await live_ids(jots) == {second.id}


@pytest.mark.parametrize("other", MODELS)
@pytest.mark.parametrize("kind", MODELS)
async def test_cascading_cycle_is_deleted(jots: AsyncSession, kind: str, other: str) -> None:
    first = await add(jots, kind)
    second = await add(jots, other, **{f"cascade_{kind}": first.id})
    setattr(first, f"cascade_{other}_id", second.id)
    await jots.commit()
    await remove(jots, first)
    assert await live_ids(jots) == set()


@pytest.mark.parametrize("other", MODELS)
@pytest.mark.parametrize("kind", MODELS)
async def test_cycle_with_set_null_loses_reference(
    jots: AsyncSession, kind: str, other: str
) -> None:
    first = await add(jots, kind)
    second = await add(jots, other, **{f"null_{kind}": first.id})
    setattr(first, f"null_{other}_id", second.id)
    await jots.commit()
    await remove(jots, first)
    assert await live_ids(jots) == {second.id}
    await jots.refresh(second)
    assert getattr(second, f"null_{kind}_id") is None


async def test_soft_delete_cascades_through_both_kinds(
    jots: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH", 2)
    root = await add(jots, "soft")
    children = [await add(jots, "soft", cascade_soft=root.id) for _ in range(5)]
    for child in children:
        grandchild = await add(jots, "hard", cascade_soft=child.id)
        await add(jots, "hard", cascade_hard=grandchild.id, restrict_soft=child.id)
    kept = await add(jots, "hard", null_soft=children[-1].id)
    await remove(jots, root)
    assert await live_ids(jots) == {kept.id}
    times = (await jots.scalars(select(SoftJot.deleted_at))).all()
    assert times == [times[0]] * 6
    await jots.refresh(kept)
    assert kept.null_soft_id is None


async def test_conflict_of_cascading_soft_delete_changes_nothing(jots: AsyncSession) -> None:
    root = await add(jots, "soft")
    child = await add(jots, "soft", cascade_soft=root.id)
    other = await add(jots, "hard", null_soft=root.id)
    holder = await add(jots, "hard", restrict_soft=child.id)
    await jots.commit()
    ids, root_id = {row.id for row in (root, child, other, holder)}, root.id
    with pytest.raises(Conflict, match="^Cannot delete: hard jots reference "):
        await remove(jots, root)
    assert await live_ids(jots) == ids
    await jots.refresh(other)
    assert other.null_soft_id == root_id


async def test_soft_deleted_row_does_not_restrict(jots: AsyncSession) -> None:
    row = await add(jots, "soft")
    referencing = await add(jots, "soft", restrict_soft=row.id)
    with pytest.raises(Conflict):
        await remove(jots, row)
    await jots.refresh(row)
    await jots.refresh(referencing)
    await remove(jots, referencing)
    await remove(jots, row)
    assert await live_ids(jots) == set()


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Create the tables of the sample models in a database whose transactions commit."""
    _ = database_url
    engine = create()
    async with engine.begin() as connection:
        await connection.run_sync(References.metadata.create_all)
    yield async_sessionmaker(engine, expire_on_commit=False)
    await engine.dispose()


@pytest.mark.parametrize("is_loaded", [False, True])
async def test_reference_created_during_cascade_is_rejected(
    sessions: Sessions, *, is_loaded: bool
) -> None:
    async with sessions.begin() as session:
        root = await add(session, "soft")
        child = await add(session, "soft", cascade_soft=root.id)
    async with sessions() as deleting, sessions() as creating:
        if is_loaded:
            await creating.get_one(SoftJot, child.id)
            await creating.commit()
        await remove(deleting, await deleting.get_one(SoftJot, root.id, with_for_update=True))
        references = {"restrict_soft_id": child.id}
        task = asyncio.create_task(lock_references(creating, HardJot, references))
        await asyncio.wait({task}, timeout=0.2)
        assert not task.done()
        await deleting.commit()
        with pytest.raises(Invalid):
            await task


async def test_deletion_waits_for_new_reference(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        root = await add(session, "soft")
    async with sessions() as deleting, sessions() as creating:
        await lock_references(creating, HardJot, {"restrict_soft_id": root.id})
        await add(creating, "hard", restrict_soft=root.id)

        async def delete() -> None:
            row = await deleting.get_one(SoftJot, root.id, with_for_update=True)
            await remove(deleting, row)

        task = asyncio.create_task(delete())
        await asyncio.wait({task}, timeout=0.2)
        assert not task.done()
        await creating.commit()
        with pytest.raises(Conflict):
            await task
