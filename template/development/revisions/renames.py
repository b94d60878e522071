"""Renames of tables and columns, which models declare by `info={"was": ...}`.

Autogenerate compares names: to it, a rename is a table dropped and another one created. A declared
rename applies where the database has the old name and lacks the new one.
"""

import re
from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import AlterColumnOp, RenameTableOp
from sqlalchemy import Connection, MetaData, Table, inspect

from development.revisions.checks import Step
from migrations import steps

Rename = tuple[MigrateOperation, MigrateOperation]  # and its inverse, for `downgrade`


@Operations.implementation_for(Step)
def invoke(operations: Operations, step: Step) -> None:
    """Run a step while a revision is written."""
    with Operations.context(operations.migration_context):
        getattr(steps, step.function)(*step.arguments)


def apply(connection: Connection, metadata: MetaData) -> list[Rename]:
    """Rename tables, then columns, then constraints and indexes; return the renames in order."""
    operations = Operations(MigrationContext.configure(connection))
    applied: list[Rename] = []
    for renames in (tables, columns, constraints):
        for rename in list(renames(connection, metadata)):
            operations.invoke(rename[0])
            applied.append(rename)
    return applied


def tables(connection: Connection, metadata: MetaData) -> Iterator[Rename]:
    """Yield the table renames that models declare and that the database still lacks."""
    present = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        was = table.info.get("was")
        if was in present and table.name not in present:
            yield RenameTableOp(was, table.name), RenameTableOp(table.name, was)


def columns(connection: Connection, metadata: MetaData) -> Iterator[Rename]:
    """Yield the column renames that models declare and that the database still lacks."""
    for table in existing(connection, metadata):
        present = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            was = column.info.get("was")
            if was in present and column.name not in present:
                yield (
                    AlterColumnOp(table.name, was, modify_name=column.name),
                    AlterColumnOp(table.name, column.name, modify_name=was),
                )


def constraints(connection: Connection, metadata: MetaData) -> Iterator[Rename]:
    """Yield the renames of constraints and indexes of renamed tables and columns."""
    for table in existing(connection, metadata):
        present = Table(table.name, MetaData(), autoload_with=connection, resolve_fks=False)
        names, expected = named(present), named(table)
        renamed = {old: with_present_names(old, table) for old in sorted(names)}
        renamed = {old: new for old, new in renamed.items() if new in expected and new not in names}
        if renamed:
            inverse = {new: old for old, new in renamed.items()}
            yield (
                Step("rename_names", table.name, renamed),
                Step("rename_names", table.name, inverse),
            )


def existing(connection: Connection, metadata: MetaData) -> list[Table]:
    """Return the models' tables that exist in the database."""
    present = set(inspect(connection).get_table_names())
    return [table for table in metadata.sorted_tables if table.name in present]


def named(table: Table) -> set[str]:
    """Return the names of the indexes and constraints of a table."""
    items: list[Any] = [*table.indexes, *table.constraints]
    return {str(each.name) for each in items if each.name}


def with_present_names(name: str, table: Table) -> str:
    """Return the name of a constraint or index after the renames of its table and columns."""
    for part in (table, *table.columns):
        if was := part.info.get("was"):
            name = re.sub(rf"(?<=_){re.escape(was)}(?=_|$)", part.name, name)
    return name


@renderers.dispatch_for(RenameTableOp)
def render(_: AutogenContext, operation: RenameTableOp) -> str:
    """Render the rename of a table as Python source.

    Alembic has no renderer of this operation.
    """
    return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r})"
