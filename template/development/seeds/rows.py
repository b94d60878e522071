"""Rows of one table: valid values, references to existing rows, and no duplicates."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint

from development.seeds import values

ATTEMPTS = 100  # per row, to satisfy validators and unique constraints
CROWDED = 10  # failed attempts after which unique texts get a number
MAX_MINUTES = 120  # between the creation of two rows

Row = dict[str, Any]
Pools = Mapping[Table, list[Row]]  # rows that can be referenced


class Shortage(Exception):  # noqa: N818 - reported beside the rows
    """No further row is possible; the message names the reason."""


class RowFactory:
    """Factory of a table's rows, which depend only on the key and the referenced rows."""

    def __init__(
        self, table: Table, schemas: list[type[BaseModel]], key: str, pools: Pools
    ) -> None:
        """Open a stream of random values for each purpose, so that none shifts another."""
        self.table, self.pools = table, pools
        self.unique = list(unique_columns(table))
        self.taken: set[tuple[frozenset[str], tuple[Any, ...]]] = set()
        distinct = frozenset[str]().union(*self.unique)
        self.factories = [values.factory(each, key, distinct) for each in schemas]
        keys = foreign_keys(table)
        self.references = [each for each in keys if self._is_filled(each.referred_table)]
        self.links = [each for each in keys if not self._is_filled(each.referred_table)]
        self.moment = values.START
        self.ids, self.choices = values.stream(f"{key} ids"), values.stream(f"{key} references")

    def rows(self, count: int, existing: list[Row]) -> tuple[list[Row], str]:
        """Return up to `count` rows, distinct from others, and the reason if there are fewer."""
        identities = [self._identity() for _ in range(count)]
        own = {identity.get("id") for identity in identities}
        for row in existing:
            if row.get("id") not in own:
                self._is_distinct(row)
        rows: list[Row] = []
        try:
            for number, identity in enumerate(identities):
                rows.append(self._row(number, identity))
        except Shortage as shortage:
            return rows, str(shortage)
        return rows, ""

    def linked(self, rows: list[Row]) -> Iterator[Row]:
        """Yield the nullable references in cycles and to the same table, as changes of rows.

        Rows reference earlier rows of the same table.
        """
        for number, row in enumerate(rows):
            changes: Row = {}
            for key in filter(is_nullable, self.links):
                names = frozenset(key.column_keys)
                is_own = key.referred_table is self.table
                pool = rows[:number] if is_own else self.pools.get(key.referred_table, [])
                if any(names < unique for unique in self.unique):
                    continue  # null is distinct
                if names in self.unique:
                    pool = pool[-1:] if is_own else pool[number : number + 1]
                changes |= self._choose(key, pool)
            if any(value is not None for value in changes.values()):
                yield {column.name: row[column.name] for column in self.table.primary_key} | changes

    def _row(self, number: int, identity: Row) -> Row:
        problem = "no further values are distinct"
        for attempt in range(ATTEMPTS):
            row = identity | self._references(number)
            try:
                row |= self._values(row, is_crowded=attempt > CROWDED)
            except ValidationError as error:
                problem = described(error)
                continue
            if self._is_distinct(row):
                return row
        raise Shortage(problem)

    def _is_filled(self, table: Table) -> bool:
        return table in self.pools and table is not self.table

    def _identity(self) -> Row:
        """Return the next row's ID, a UUIDv7, and its timestamps."""
        self.moment += timedelta(minutes=self.ids.randint(1, MAX_MINUTES))
        milliseconds = int(self.moment.timestamp() * 1000)
        random = self.ids.getrandbits(74)
        version, variant = 0x7 << 76, 0b10 << 62
        low, high = random & ((1 << 62) - 1), random >> 62
        new = UUID(int=milliseconds << 80 | version | high << 64 | variant | low)
        row: Row = {}
        for column in self.table.columns:
            kind = column.type.python_type
            if column.primary_key and kind is UUID and not column.foreign_keys:
                row[column.name] = new
            elif column.default is not None and column.default.is_callable and kind is datetime:
                row[column.name] = self.moment
        for key in self.links:
            if key.referred_table is self.table and not is_nullable(key):
                row |= reference(key, row)
        return row

    def _references(self, number: int) -> Row:
        row: Row = {}
        for key in self.references:
            pool = self.pools[key.referred_table]
            if frozenset(key.column_keys) in self.unique:
                pool = pool[number : number + 1]
            if not pool and not is_nullable(key):
                message = f"there are no further rows of {key.referred_table.name} to reference"
                raise Shortage(message)
            row |= self._choose(key, pool)
        return row

    def _choose(self, key: ForeignKeyConstraint, pool: list[Row]) -> Row:
        is_null = is_nullable(key) and self.choices.random() > values.FILLED
        if is_null or not pool:
            return dict.fromkeys(key.column_keys)
        return reference(key, self.choices.choice(pool))

    def _values(self, row: Row, *, is_crowded: bool) -> Row:
        columns = self.table.columns.keys()
        new: Row = {}
        for factory in self.factories:
            factory.is_crowded = is_crowded
            fields = factory.__model__.model_fields
            unknown = {key.column_keys[0] for key in self.links} & fields.keys()
            known: Row = {name: value for name, value in row.items() if name in fields}
            known |= dict.fromkeys(unknown)
            new |= factory.build(**known).model_dump()
        return {name: value for name, value in new.items() if name in columns}

    def _is_distinct(self, row: Row) -> bool:
        keys = {(names, tuple(row.get(name) for name in sorted(names))) for names in self.unique}
        keys = {key for key in keys if None not in key[1]}
        if keys & self.taken:
            return False
        self.taken |= keys
        return True


def described(error: ValidationError) -> str:
    """Return the first problem of invalid values, with the fix."""
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"])) or "the row"
    return f"{error.title} rejects {place} ({problem['msg']}); add `examples` to its fields"


def foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    """Return the foreign keys of a table, in a fixed order."""
    return sorted(table.foreign_key_constraints, key=lambda each: list(each.column_keys))


def reference(key: ForeignKeyConstraint, row: Row) -> Row:
    """Return the columns of a foreign key that references a row."""
    return {each.parent.name: row[each.column.name] for each in key.elements}


def is_nullable(key: ForeignKeyConstraint) -> bool:
    """Return whether a column of the foreign key may be NULL."""
    return any(column.nullable for column in key.columns)


def unique_columns(table: Table) -> Iterator[frozenset[str]]:
    """Yield the names of the columns of each unique constraint and unique index."""
    kinds = (PrimaryKeyConstraint, UniqueConstraint)
    for constraint in (each for each in table.constraints if isinstance(each, kinds)):
        yield frozenset(column.name for column in constraint.columns)
    for index in (each for each in table.indexes if each.unique):
        yield frozenset(column.name for column in index.columns)
