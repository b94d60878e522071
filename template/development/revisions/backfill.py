"""Backfill: rows that a revision inserts or updates, so that no values are lost.

A column that becomes NOT NULL gets its default in the rows where it is NULL. A new table gets the
rows that its model selects by `info={"filled_by": "SELECT ..."}`, such as from a deprecated column.
"""

from collections.abc import Iterator
from typing import Any

from alembic.operations.ops import (
    AlterColumnOp,
    CreateTableOp,
    ExecuteSQLOp,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import (
    Column,
    ColumnElement,
    Dialect,
    MetaData,
    column,
    literal_column,
    table,
    update,
)
from sqlalchemy.schema import CreateTable


def insert(upgrade: UpgradeOps, metadata: MetaData, dialect: Dialect) -> None:
    """Insert the statements: an INSERT after a table's creation, an UPDATE before NOT NULL."""
    for operation in list(upgrade.ops):
        if isinstance(operation, CreateTableOp) and "filled_by" in operation.info:
            upgrade.ops.insert(upgrade.ops.index(operation) + 1, ExecuteSQLOp(copy(operation)))
        if isinstance(operation, ModifyTableOps):
            place = upgrade.ops.index(operation)
            columns = becoming_required(operation, metadata)
            upgrade.ops[place:place] = [ExecuteSQLOp(fill(each, dialect)) for each in columns]


def copy(created: CreateTableOp) -> str:
    """Return the INSERT statement that fills a new table with the rows that its model selects."""
    columns = ", ".join(created.to_table().columns.keys())
    return f"INSERT INTO {created.table_name} ({columns}) {created.info.pop('filled_by')}"


def becoming_required(table: ModifyTableOps, metadata: MetaData) -> Iterator[Column[Any]]:
    """Yield a table's columns that become NOT NULL and have a default."""
    for operation in table.ops:
        if isinstance(operation, AlterColumnOp) and operation.modify_nullable is False:
            changed = metadata.tables[table.table_name].columns[operation.column_name]
            if changed.server_default:
                yield changed


def fill(changed: Column[Any], dialect: Dialect) -> str:
    """Return the UPDATE statement that replaces NULL by a column's default.

    Colons are escaped, since `op.execute` would read them as bound parameters.
    """
    compiler = dialect.ddl_compiler(dialect, CreateTable(changed.table))
    default: ColumnElement[Any] = literal_column(str(compiler.get_column_default_string(changed)))
    target = column(changed.name, changed.type)
    rows = update(table(changed.table.name, target)).where(target.is_(None))
    statement = str(rows.values({target: default}).compile(dialect=dialect))
    return statement.replace(":", "\\:")  # no bound parameter
