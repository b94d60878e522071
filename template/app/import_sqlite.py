"""Import of a SQLite file into an empty PostgreSQL database, in one transaction.

Rows are inserted after the rows that they reference. A nullable foreign key to a row that is
inserted later, as in a cycle, is inserted as NULL and updated at the end.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Float,
    MetaData,
    Numeric,
    Table,
    bindparam,
    create_engine,  # noqa: TID251 - a command may block
    exists,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.ext.asyncio import AsyncConnection

from app import migrate
from app.models import Base

BATCH = 1000  # rows per statement

log = structlog.get_logger()

Row = dict[str, Any]


class UtcDateTime(DATETIME):
    """Column type that adds the time zone UTC to datetimes from SQLite."""

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[str | None], datetime | None]:
        """Return a function that adds the time zone UTC to datetimes."""
        return lambda value: datetime.fromisoformat(value).replace(tzinfo=UTC) if value else None


class ExactNumeric(Numeric[Decimal]):
    """Column type that converts floats from SQLite to exact decimals."""

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[float | None], Decimal | None]:
        """Return a function that rounds numbers to the decimal places of the column."""
        return lambda value: value if value is None else Decimal(f"{value:.{self.scale or 0}f}")


async def import_sqlite(file: str) -> str:
    """Copy all rows of a SQLite file into the configured database; return a message."""
    source_engine, target_engine = open_file(file), migrate.create()
    try:
        with source_engine.connect() as source:
            async with target_engine.begin() as target:
                await check(source, target)
                number = await copy(source, target, Base.metadata)
    finally:
        source_engine.dispose()
        await target_engine.dispose()
    return f"Imported {number} rows."


def open_file(file: str) -> Engine:
    """Open a SQLite file read-only; exit with a message if it does not exist."""
    if not Path(file).is_file():
        sys.exit(f"File not found: {file}.")
    engine = create_engine(f"sqlite:///file:{Path(file).resolve()}?mode=ro&uri=true")
    kinds = {DateTime: UtcDateTime, Numeric: ExactNumeric, Float: Float}
    engine.dialect.colspecs = {**engine.dialect.colspecs, **kinds}
    return engine


async def check(source: Connection, target: AsyncConnection) -> None:
    """Exit with a message if a database is not at the newest revision, or the target has rows."""
    if not migrate.is_current(source):
        sys.exit(
            "The file is not at the newest revision: migrate it with the service that uses it."
        )
    if not await target.run_sync(migrate.is_current):
        sys.exit("The database is not at the newest revision: run `uv run app migrate` first.")
    for table in Base.metadata.sorted_tables:
        if await target.scalar(select(exists().select_from(table))):
            sys.exit(f"The table {table.name} is not empty: import into an empty database.")


async def copy(source: Connection, target: AsyncConnection, metadata: MetaData) -> int:
    """Copy all rows of all tables, referenced tables first; return the number of rows."""
    total, copied, deferred = 0, set[Table](), list[tuple[Table, list[Column[Any]]]]()
    for table in metadata.sorted_tables:
        columns = [each for each in table.columns if each.nullable and refers_ahead(each, copied)]
        copied.add(table)
        deferred.append((table, columns))
        nulls = {column.key: None for column in columns}
        number = 0
        for rows in batches(source, table, list(table.columns)):
            await target.execute(table.insert(), [row | nulls for row in rows])
            number += len(rows)
        log.info("rows_imported", table=table.name, number=number)
        total += number
    for table, columns in deferred:
        await set_references(source, target, table, columns)
    return total


def refers_ahead(column: Column[Any], copied: set[Table]) -> bool:
    """Return whether a column is a foreign key to a table that is not copied yet."""
    return any(key.column.table not in copied for key in column.foreign_keys)


def batches(source: Connection, table: Table, columns: list[Column[Any]]) -> Iterator[list[Row]]:
    """Yield the given columns of a table's rows in batches."""
    options = {"yield_per": BATCH}
    result = source.execute(select(*columns).select_from(table), execution_options=options)
    keys = [column.key for column in columns]
    for rows in result.partitions():
        yield [dict(zip(keys, row, strict=True)) for row in rows]


async def set_references(
    source: Connection, target: AsyncConnection, table: Table, columns: Sequence[Column[Any]]
) -> None:
    """Set the foreign keys that were inserted as NULL.

    Columns with `onupdate` keep their values.
    """
    keys = list(table.primary_key.columns)
    is_row = [key == bindparam(f"row_{key.key}", type_=key.type) for key in keys]
    unchanged = {column.key: column for column in table.columns if column.onupdate}
    for column in columns:
        reference = bindparam("reference", type_=column.type)
        statement = update(table).where(*is_row).values({**unchanged, column.key: reference})
        for rows in batches(source, table, [*keys, column]):
            parameters = [
                {"reference": row[column.key], **{f"row_{key.key}": row[key.key] for key in keys}}
                for row in rows
                if row[column.key] is not None
            ]
            if parameters:
                await target.execute(statement, parameters)
