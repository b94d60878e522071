"""Rows that are somebody's own: whose rows a service means, and what they may refer to.

An owner is the key of a user, or None, where everybody's rows are meant: see `app/ownership.py`.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app import database
from app.models.base import Base

NOBODY = UUID(int=0)  # who owns nothing; no row has this key
Reach = Mapping[str, UUID | None]  # whose rows references may lead to, by their columns


def owned(column: InstrumentedAttribute[UUID], owner: UUID | None) -> list[ColumnElement[bool]]:
    """Ask for the rows of an owner; for nothing, where everybody's are meant."""
    return [] if owner is None else [column == owner]


async def refer(
    session: AsyncSession, model: type[Base], values: database.Record, reach: Reach
) -> None:
    """Hold on to what new values refer to; what is out of reach is told as what is not there.

    Raises:
        Invalid: a reference leads nowhere, or out of reach; the error names the fields.
    """
    beyond = [
        name
        for name, owner in reach.items()
        if owner and values.get(name) and owner != await _owner(session, model, name, values[name])
    ]
    # In one error with those that lead nowhere, so that nobody can tell the one from the other.
    await database.refer(session, model, values | dict.fromkeys(beyond, NOBODY))


async def _owner(session: AsyncSession, model: type[Base], name: str, key: UUID) -> UUID | None:
    (reference,) = model.__table__.c[name].foreign_keys
    rows = reference.column.table.c
    found: UUID | None = await session.scalar(select(rows.owner_id).where(rows.id == key))
    return found
