"""Access checks of foreign keys that reference rows with an owner.

A caller may reference only rows that the caller may read.
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import database
from app.models.base import Base
from app.scope import NONE, Scope

ReferenceScopes = Mapping[str, Scope]  # scopes by foreign-key column


async def lock_references(
    session: AsyncSession, model: type[Base], values: database.Record, scopes: ReferenceScopes
) -> None:
    """Lock the referenced rows until commit (`FOR KEY SHARE`).

    Raises:
        Invalid: a referenced row does not exist or is out of scope; the error names the fields.
    """
    out_of_scope = [
        column
        for column, scope in scopes.items()
        if values.get(column)
        and not scope.includes(await _owner_id(session, model, column, values[column]))
    ]
    # One error for missing rows and for rows out of scope: a caller cannot tell them apart.
    missing = dict.fromkeys(out_of_scope, NONE.owner_id)
    await database.lock_references(session, model, values | missing)


async def _owner_id(
    session: AsyncSession, model: type[Base], column: str, key: UUID
) -> UUID | None:
    (foreign_key,) = model.__table__.c[column].foreign_keys
    table = foreign_key.column.table.c
    owner_id: UUID | None = await session.scalar(select(table.owner_id).where(table.id == key))
    return owner_id
