"""Insertion of seed rows, table by table, each in its own transaction."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.errors import reason
from development.seeds.resources import Schemas, required_columns, schema_of, schemas_of
from development.seeds.rows import Row, RowFactory, foreign_keys, is_nullable, unique_columns

PARENTS = 5  # rows of an empty referenced table that is not a resource, such as users
CANDIDATES = 1000  # rows of such a table that may be referenced

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Report:
    """The number of inserted rows of a table, and why there are not more."""

    table: str
    inserted: int
    existing: int = 0
    remark: str = ""
    is_error: bool = False

    def __str__(self) -> str:
        """Return one line."""
        existing = f"{self.existing} exist already" if self.existing else ""
        remarks = "; ".join(filter(None, (existing, self.remark)))
        line = f"{self.table:<24} {self.inserted:>6} rows"
        return f"{line}   {remarks}" if remarks else line


class Seeder:
    """Inserts rows of all resources, and of the tables that they reference."""

    def __init__(self, engine: AsyncEngine, schemas: Schemas, seed: int) -> None:
        """Prepare to insert the rows of one seed."""
        self.engine, self.schemas, self.seed = engine, schemas, seed
        self.pools: dict[Table, list[Row]] = {}
        self.added: list[tuple[RowFactory, set[Key]]] = []
        self.reports: list[Report] = []

    async def insert(self, count: int) -> list[Report]:
        """Insert up to `count` rows per resource, then the references in cycles."""
        for table, schema in self.schemas.items():
            for key in foreign_keys(table):
                await self._provide(key.referred_table)
            await self._fill(table, list(schemas_of(table, schema)), count)
        for factory, keys in self.added:
            await self._link(factory, keys)
        return self.reports

    async def _provide(self, table: Table) -> None:
        """Select rows of a table that is not a resource; insert a few if it is empty."""
        if table in self.schemas or table in self.pools:
            return
        query = select(table).order_by(*table.primary_key).limit(CANDIDATES)
        if "deleted_at" in table.columns:
            query = query.where(table.c.deleted_at.is_(None))
        async with self.engine.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(query)).mappings()]
        if rows:
            self.pools[table] = rows
            return
        for key in foreign_keys(table):
            if key.referred_table is not table and not is_nullable(key):
                await self._provide(key.referred_table)
        await self._fill(table, [schema_of(table, required_columns(table))], PARENTS)

    async def _fill(self, table: Table, schemas: list[type[BaseModel]], count: int) -> None:
        """Insert rows that do not exist, and report their number."""
        self.pools[table] = []
        factory = RowFactory(table, schemas, f"{self.seed} {table.name}", self.pools)
        try:
            async with self.engine.begin() as connection:
                existing = await _existing(connection, table)
                before = {_key(table, row) for row in existing}
                rows, remark = factory.rows(count, existing)
                new = [row for row in rows if _key(table, row) not in before]
                await _insert(connection, table, new)
                after = {_key(table, row) for row in await _existing(connection, table)}
        except (StatementError, ArithmeticError, ValueError) as error:
            report = Report(table.name, 0, remark=reason(error), is_error=True)
        else:
            own = [row for row in rows if _key(table, row) in after]
            self.pools[table] = own or existing
            self.added.append((factory, after - before))
            inserted = len(after - before)
            remark = remark and f"no more, since {remark}"
            is_error = not self.pools[table]
            report = Report(table.name, inserted, len(own) - inserted, remark, is_error)
        self.reports.append(report)

    async def _link(self, factory: RowFactory, keys: set[Key]) -> None:
        """Set the references of new rows that could not be inserted before."""
        table = factory.table
        changes = [
            change for change in factory.linked(self.pools[table]) if _key(table, change) in keys
        ]
        if not changes:
            return
        names = changes[0].keys() - set(table.primary_key.columns.keys())
        query = update(table).values({name: bindparam(f"new_{name}") for name in names})
        query = query.values({each: each for each in table.columns if each.onupdate})
        for column in table.primary_key:
            query = query.where(column == bindparam(f"new_{column.name}"))
        parameters = [{f"new_{name}": change[name] for name in change} for change in changes]
        async with self.engine.begin() as connection:
            await connection.execute(query, parameters)


def _key(table: Table, row: Row) -> Key:
    return tuple(row[column.name] for column in table.primary_key)


async def _existing(connection: AsyncConnection, table: Table) -> list[Row]:
    """Select the unique columns of all rows."""
    names = frozenset[str]().union(*unique_columns(table))
    rows = await connection.execute(select(*(table.c[name] for name in sorted(names))))
    return [dict(row) for row in rows.mappings()]


async def _insert(connection: AsyncConnection, table: Table, rows: list[Row]) -> None:
    """Insert rows, except those that violate a unique constraint."""
    if rows:
        dialect = import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
        await connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
