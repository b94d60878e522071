"""Tables between tests."""

from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import sort_tables_and_constraints


async def empty(connection: AsyncConnection, metadata: MetaData) -> None:
    """Empty all tables, though they refer to one another or to themselves.

    References that may be empty are emptied first; the others lead one way, and rows go before what
    they refer to.
    """
    tables = metadata.tables.values()
    for table in tables:
        columns = [column for column in table.columns if column.foreign_keys and column.nullable]
        if columns:
            await connection.execute(table.update().values(dict.fromkeys(columns)))
    order = sort_tables_and_constraints(tables, optional)  # type: ignore[no-untyped-call]
    for table in [found for found, _ in reversed(order) if found is not None]:
        await connection.execute(table.delete())


def optional(reference: ForeignKeyConstraint) -> bool:
    """Tell whether a row may do without a reference."""
    return any(column.nullable for column in reference.columns)
