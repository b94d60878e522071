"""Deletion of rows that other rows, or the rows themselves, reference.

The database applies ON DELETE to deleted rows only. Soft-deleted rows remain in their table, so
this module applies ON DELETE to the rows that reference them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Table, delete, inspect, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import MANYTOONE, Mapper
from sqlalchemy.orm.attributes import set_committed_value

from app import constraints
from app.models.base import Base, now

BATCH = 1_000  # keys per statement
SOFT_DELETE = {"is_soft_delete": True}  # execution options, which event listeners may read

Keys = Sequence[Any]  # primary keys of a table
References = list[tuple[ForeignKey, Keys]]


def is_soft_deletable(row: Base) -> bool:
    """Return whether the row's table has a column `deleted_at`."""
    return "deleted_at" in inspect(type(row)).columns


async def hard_delete(session: AsyncSession, row: Base) -> None:
    """Delete a row, which may reference itself; the database applies ON DELETE.

    Raises:
        IntegrityError: other rows reference it.
    """
    mapper = inspect(type(row))
    for relationship in mapper.relationships:
        # Unset without an UPDATE: the unit of work cannot sort a row that depends on itself.
        if relationship.direction is MANYTOONE and relationship.mapper is mapper:
            set_committed_value(row, relationship.key, None)
    await session.delete(row)
    await session.flush()


async def soft_delete(session: AsyncSession, row: Base) -> None:
    """Set `deleted_at` of a row that is locked FOR UPDATE, and apply ON DELETE.

    Rows of tables without `deleted_at` are deleted, and the database applies ON DELETE to the rows
    that reference these.

    Raises:
        Conflict: other rows reference it, or reference a row that would be deleted with it.
        IntegrityError: rows reference a row of a table without `deleted_at`.
    """
    moment = now()
    async with session.begin_nested():  # a conflict reverts all changes
        row.deleted_at = moment  # type: ignore[attr-defined]
        await session.flush()
        state = inspect(row)
        restricting = await _apply_rules(session, state.mapper, state.identity or (), moment)
        for key, keys in restricting:
            if await _is_referenced(session, key, keys):
                raise constraints.still_referenced(row, key.constraint)


async def _apply_rules(
    session: AsyncSession, mapper: Mapper[Any], keys: Keys, moment: datetime
) -> References:
    """Apply SET NULL and CASCADE to the rows that reference soft-deleted rows, and so on.

    Returns:
        the foreign keys with RESTRICT, to be checked when all rows have been deleted
    """
    restricting: References = []
    levels: list[tuple[Any, Keys]] = [(mapper.local_table, keys)]
    while levels:
        table, keys = levels.pop()
        batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
        for key in _foreign_keys(table):
            for batch in batches:
                if key.ondelete not in {"CASCADE", "SET NULL"}:
                    restricting.append((key, batch))
                elif await _is_referenced(session, key, batch):
                    if key.ondelete == "CASCADE" and "deleted_at" in key.parent.table.c:
                        levels.append((key.parent.table, await _lock(session, key, batch)))
                    await _apply_rule(session, mapper, key, batch, moment)
    return restricting


async def _apply_rule(
    session: AsyncSession, mapper: Mapper[Any], key: ForeignKey, keys: Keys, moment: datetime
) -> None:
    """Apply SET NULL or CASCADE to the rows that reference one of the keys."""
    where = _references(key, keys)
    table = key.parent.table
    models = (each.class_ for each in mapper.registry.mappers if each.local_table is table)
    model = next(models, table)  # event listeners report changes of models
    if key.ondelete == "SET NULL":
        await session.execute(update(model).where(*where).values({key.parent: None}))
    elif "deleted_at" in table.c:
        statement = update(model).where(*where).values(deleted_at=moment)
        await session.execute(statement, execution_options=SOFT_DELETE)
    else:
        await session.execute(delete(model).where(*where))


def _foreign_keys(table: Table) -> Iterator[ForeignKey]:
    """Yield the foreign keys that reference the primary key of a table, in a stable order."""
    for other in table.metadata.tables.values():
        for key in sorted(other.foreign_keys, key=attrgetter("parent.name")):
            if key.column.table is table and key.column.primary_key:
                yield key


async def _is_referenced(session: AsyncSession, key: ForeignKey, keys: Keys) -> bool:
    """Return whether a row references one of the keys."""
    statement = select(literal(1)).where(*_references(key, keys)).limit(1)
    return await session.scalar(statement) is not None


async def _lock(session: AsyncSession, key: ForeignKey, keys: Keys) -> Keys:
    """Lock the rows that reference one of the keys, and return their primary keys.

    `FOR UPDATE` makes concurrent transactions wait that reference these rows (`FOR KEY SHARE`).
    """
    (primary_key,) = key.parent.table.primary_key.columns
    statement = select(primary_key).where(*_references(key, keys)).order_by(primary_key)
    return (await session.scalars(statement.with_for_update())).all()


def _references(key: ForeignKey, keys: Keys) -> list[ColumnElement[bool]]:
    """Return the conditions for rows that reference one of the keys, and are not soft-deleted."""
    table: Table = key.parent.table
    live = [table.c.deleted_at.is_(None)] if "deleted_at" in table.c else []
    return [key.parent.in_(keys), *live]
