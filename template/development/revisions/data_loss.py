"""Warnings of a revision: probable renames without `was`, narrowed columns, and required columns.

A comment `# Lossy: ...` marks a probable rename, which loses values; a test fails until the comment
is reviewed.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateTableOp,
    DropColumnOp,
    DropTableOp,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import Column, Dialect

from development.revisions.types import is_lossless

Loss = tuple[MigrateOperation, str]

RENAMED = "If it was renamed, declare `was`, delete this revision, and write it again."
NARROWED = "the migration fails on values that do not fit. Change them first."
REQUIRED = "fails where rows exist. Give it a default, or make it optional first."


class Comment(MigrateOperation):
    """A comment above an operation in a revision file."""

    def __init__(self, text: str) -> None:
        self.text = text


@renderers.dispatch_for(Comment)
def render(_: AutogenContext, comment: Comment) -> str:
    """Render a comment as Python source."""
    return f"# {comment.text}"


def review(upgrade: UpgradeOps, dialect: Dialect) -> list[str]:
    """Mark operations that lose values; return warnings of lost values and of possible failures."""
    warnings = mark(upgrade.ops, replaced_tables(upgrade.ops, dialect))
    for table in upgrade.ops:
        if isinstance(table, ModifyTableOps):
            warnings += mark(table.ops, replaced_columns(table, dialect))
            warnings += [*narrowed_columns(table, dialect), *required_columns(table)]
    return warnings


def mark(operations: list[MigrateOperation], losses: Iterable[Loss]) -> list[str]:
    """Insert a comment above each operation that loses values; return the comments' texts."""
    texts = []
    for operation, text in losses:
        operations.insert(operations.index(operation), Comment(f"Lossy: {text}"))
        texts.append(text)
    return texts


def replaced_tables(operations: list[MigrateOperation], dialect: Dialect) -> Iterator[Loss]:
    """Yield tables that were probably renamed: dropped, with a created table of equal columns."""

    def shape(operation: CreateTableOp | DropTableOp) -> frozenset[tuple[object, ...]]:
        columns = operation.to_table().columns
        return frozenset((column.name, *kind(column, dialect)) for column in columns)

    creates = [each for each in operations if isinstance(each, CreateTableOp)]
    created = {shape(each): each.table_name for each in creates}
    for operation in list(operations):
        if isinstance(operation, DropTableOp) and (new := created.get(shape(operation))):
            old = operation.table_name
            yield operation, f"{old} is dropped beside {new}, of the same columns. {RENAMED}"


def replaced_columns(table: ModifyTableOps, dialect: Dialect) -> Iterator[Loss]:
    """Yield columns that were probably renamed: dropped, with an added column of equal type."""
    added = [each.column for each in table.ops if isinstance(each, AddColumnOp)]
    for operation in list(table.ops):
        if isinstance(operation, DropColumnOp):
            old = operation.to_column()
            same = [new for new in added if kind(new, dialect) == kind(old, dialect)]
            for new in same[:1]:
                added.remove(new)
                names = f"{table.table_name}.{old.name} is dropped beside {new.name}"
                yield operation, f"{names}, of the same type. {RENAMED}"


def narrowed_columns(table: ModifyTableOps, dialect: Dialect) -> Iterator[str]:
    """Yield a warning for each column whose new type cannot hold every value of its old type."""
    for operation in table.ops:
        if isinstance(operation, AlterColumnOp) and operation.modify_type is not None:
            old, new = operation.existing_type, operation.modify_type
            if old is not None and not is_lossless(old, new):
                types = f"{old.compile(dialect)} to {new.compile(dialect)}"
                name = f"{table.table_name}.{operation.column_name}"
                yield f"{name}, {types}: {NARROWED}"


def required_columns(table: ModifyTableOps) -> Iterator[str]:
    """Yield a warning for each added or changed column that is NOT NULL without a default."""
    for operation in table.ops:
        if isinstance(operation, AddColumnOp):
            column = operation.column
            if not (column.nullable or column.server_default):
                yield f"{table.table_name}.{column.name} is required without a default: {REQUIRED}"
        elif isinstance(operation, AlterColumnOp) and operation.modify_nullable is False:
            new = operation.modify_server_default
            if not (operation.existing_server_default if new is False else new):
                name = f"{table.table_name}.{operation.column_name}"
                yield f"{name} becomes required without a default: NULL {REQUIRED}"


def kind(column: Column[Any], dialect: Dialect) -> tuple[object, ...]:
    """Return the SQL type of a column, and whether the column is nullable."""
    return column.type.compile(dialect), column.nullable
