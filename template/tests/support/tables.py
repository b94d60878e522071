"""Deletion of all rows of a database between tests."""

from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import sort_tables_and_constraints


async def empty(connection: AsyncConnection, metadata: MetaData) -> None:
    """Delete all rows of all tables, even if tables reference each other in cycles.

    Nullable foreign keys are set to NULL first. The other foreign keys have no cycles, so
    referencing rows are deleted before the rows that they reference.
    """
    tables = metadata.tables.values()
    for table in tables:
        columns = [column for column in table.columns if column.foreign_keys and column.nullable]
        if columns:
            await connection.execute(table.update().values(dict.fromkeys(columns)))
    order = sort_tables_and_constraints(tables, is_nullable)  # type: ignore[no-untyped-call]
    for table in [each for each, _ in reversed(order) if each is not None]:
        await connection.execute(table.delete())


def is_nullable(foreign_key: ForeignKeyConstraint) -> bool:
    """Return whether a column of the foreign key may be NULL."""
    return any(column.nullable for column in foreign_key.columns)
