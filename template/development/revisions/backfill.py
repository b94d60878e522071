"""Backfill: rows that a revision inserts or updates, so that no values are lost.

A column that becomes NOT NULL gets its default in the rows where it is NULL. A new table gets the
rows that its model selects by `info={"filled_by": "SELECT ..."}`, such as from a deprecated column.
"""

from collections.abc import Iterator
from typing import Any

from alembic.operations.ops import AlterColumnOp, CreateTableOp, ExecuteSQLOp, ModifyTableOps
from sqlalchemy import Column, ColumnElement, Dialect, MetaData, Table, literal_column, update
from sqlalchemy.schema import CreateTable


def copy(created: CreateTableOp) -> list[ExecuteSQLOp]:
    """Return the INSERT statement that fills a new table, if its model selects rows."""
    if "filled_by" not in created.info:
        return []
    columns = ", ".join(created.to_table().columns.keys())
    rows = created.info.pop("filled_by")
    return [ExecuteSQLOp(f"INSERT INTO {created.table_name} ({columns}) {rows}")]


def fill(table: ModifyTableOps, dialect: Dialect) -> Iterator[ExecuteSQLOp]:
    """Yield the UPDATE statements that replace NULL by the defaults of columns that forbid it."""
    for operation in table.ops:
        if isinstance(operation, AlterColumnOp) and operation.modify_nullable is False:
            default = default_of(operation)
            if default is not None:
                kind = operation.modify_type or operation.existing_type
                changed = Column(operation.column_name, kind, server_default=default)
                yield ExecuteSQLOp(replace_null(table.table_name, changed, dialect))


def default_of(operation: AlterColumnOp) -> Any:  # noqa: ANN401 - as Alembic declares it
    """Return the server default that a changed column has afterwards, or None."""
    new = operation.modify_server_default
    return (operation.existing_server_default if new is False else new) or None


def replace_null(name: str, changed: Column[Any], dialect: Dialect) -> str:
    """Return the UPDATE statement that replaces NULL by a column's default.

    Colons are escaped, since `op.execute` would read them as bound parameters.
    """
    table = Table(name, MetaData(), changed)
    compiler = dialect.ddl_compiler(dialect, CreateTable(table))
    default: ColumnElement[Any] = literal_column(str(compiler.get_column_default_string(changed)))
    rows = update(table).where(changed.is_(None))
    statement = str(rows.values({changed: default}).compile(dialect=dialect))
    return statement.replace(":", "\\:")  # no bound parameter
