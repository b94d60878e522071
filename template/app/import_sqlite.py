"""Rows moved here from a file of SQLite's, once the service has outgrown it.

All of them come in one transaction: nothing is here before, and all or nothing is here after.
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
    create_engine,  # noqa: TID251 - a command blocks nobody
    exists,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.ext.asyncio import AsyncConnection

from app import migrate
from app.models import Base

BATCH = 1000  # rows at a time

log = structlog.get_logger()

Row = dict[str, Any]


class UtcDateTime(DATETIME):
    """Points in time, which SQLite keeps in UTC and without a zone."""

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[str | None], datetime | None]:
        """Read a time as the UTC that it is."""
        return lambda value: datetime.fromisoformat(value).replace(tzinfo=UTC) if value else None


class ExactNumeric(Numeric[Decimal]):
    """Decimals, which SQLite keeps as numbers."""

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[float | None], Decimal | None]:
        """Read the number with the digits that its column has."""
        return lambda value: value if value is None else Decimal(f"{value:.{self.scale or 0}f}")


async def import_sqlite(file: str) -> str:
    """Copy all rows of a file of SQLite's to the database that the environment names."""
    source, engine = open_file(file), migrate.create()
    try:
        with source.connect() as there:
            async with engine.begin() as here:
                await check(there, here)
                number = await copy(there, here, Base.metadata)
    finally:
        source.dispose()
        await engine.dispose()
    return f"{number} rows were moved."


def open_file(file: str) -> Engine:
    """Open the file to read it; leave, where there is none."""
    if not Path(file).is_file():
        sys.exit(f"There is no file {file}.")
    engine = create_engine(f"sqlite:///file:{Path(file).resolve()}?mode=ro&uri=true")
    kinds = {DateTime: UtcDateTime, Numeric: ExactNumeric, Float: Float}
    engine.dialect.colspecs = {**engine.dialect.colspecs, **kinds}
    return engine


async def check(there: Connection, here: AsyncConnection) -> None:
    """Leave, unless both are at the newest revision, and there is nothing here."""
    if not migrate.is_current(there):
        sys.exit(
            "The file is not at the newest revision: migrate it with the service that uses it."
        )
    if not await here.run_sync(migrate.is_current):
        sys.exit("The database is not at the newest revision: `uv run app migrate` first.")
    for table in Base.metadata.sorted_tables:
        if await here.scalar(select(exists().select_from(table))):
            sys.exit(f"{table.name} has rows already: move into an empty database.")


async def copy(there: Connection, here: AsyncConnection, metadata: MetaData) -> int:
    """Copy all rows of all tables, each after those that it refers to; say how many."""
    total, placed, late = 0, set[Table](), list[tuple[Table, list[Column[Any]]]]()
    for table in metadata.sorted_tables:
        waiting = [column for column in table.columns if column.nullable and leads(column, placed)]
        placed.add(table)
        late.append((table, waiting))
        number = 0
        for rows in batches(there, table, list(table.columns)):
            nulls = {column.key: None for column in waiting}
            await here.execute(table.insert(), [row | nulls for row in rows])
            number += len(rows)
        log.info("rows are moved", table=table.name, number=number)
        total += number
    for table, waiting in late:
        await point(there, here, table, waiting)
    return total


def leads(column: Column[Any], placed: set[Table]) -> bool:
    """Tell whether a column refers to rows that may not be here yet."""
    return any(key.column.table not in placed for key in column.foreign_keys)


def batches(there: Connection, table: Table, columns: list[Column[Any]]) -> Iterator[list[Row]]:
    """Read some columns of a table, so many rows at a time."""
    options = {"yield_per": BATCH}
    found = there.execute(select(*columns).select_from(table), execution_options=options)
    keys = [column.key for column in columns]
    for rows in found.partitions():
        yield [dict(zip(keys, row, strict=True)) for row in rows]


async def point(
    there: Connection, here: AsyncConnection, table: Table, waiting: Sequence[Column[Any]]
) -> None:
    """Have rows refer to those that came after them; nothing else of them changes."""
    keys = list(table.primary_key.columns)
    mine = [key == bindparam(f"its_{key.key}", type_=key.type) for key in keys]
    kept = {column.key: column for column in table.columns if column.onupdate}
    for column in waiting:
        target = bindparam("target", type_=column.type)
        change = update(table).where(*mine).values({**kept, column.key: target})
        for rows in batches(there, table, [*keys, column]):
            told = [
                {"target": row[column.key], **{f"its_{key.key}": row[key.key] for key in keys}}
                for row in rows
                if row[column.key] is not None
            ]
            if told:
                await here.execute(change, told)
