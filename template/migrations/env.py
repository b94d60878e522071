"""Alembic environment that runs migrations on a given connection, or on a new one."""

import asyncio
import re
from contextlib import nullcontext
from typing import Any

from alembic import context
from alembic.ddl.impl import DefaultImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, Connection
from sqlalchemy.schema import CreateTable

from app.migrate import DIALECT, locked
from app.models import Base
from migrations.conversions import family, generic
from migrations.steps import cast_in_copies

LITERAL = re.compile(r"'((?:[^']|'')*)'")


def default_differs(
    migration: MigrationContext,
    inspected: Column[Any],
    column: Column[Any],
    existing: str | None,
    _default: object,
    expected: str | None,
) -> bool:
    """Return whether two server defaults have different values, regardless of their spelling."""
    if existing is None or expected is None:
        return existing is not expected
    if family(generic(inspected.type)) is not family(column.type):
        return True  # its value may have no meaning in the new type
    dialect = migration.dialect
    compiler = dialect.ddl_compiler(dialect, CreateTable(column.table))
    kind = column.type.compile(dialect)
    values = (existing, compiler.get_column_default_string(column))
    one, other = (f"CAST(CAST({value} AS {kind}) AS TEXT)" for value in values)
    return bool(context.get_bind().exec_driver_sql(f"SELECT {one} <> {other}").scalar())


def compare_members(impl: DefaultImpl) -> None:
    """Compare checks `column IN (...)` by their values, of which a name omits signs and case."""
    compare: Any = impl.compare_check_constraint

    def compare_values(declared: CheckConstraint, inspected: CheckConstraint) -> object:
        result = compare(declared, inspected)
        values = getattr(getattr(declared.sqltext, "right", None), "value", None)
        if not isinstance(values, list | tuple) or not all(
            isinstance(each, str) for each in values
        ):
            return result
        source = getattr(inspected.sqltext, "text", "")  # `str` would unescape colons
        existing = {each.replace("''", "'") for each in LITERAL.findall(source)}
        return result if existing == set(values) else type(result).Different("other values")

    impl.compare_check_constraint = compare_values  # type: ignore[assignment,method-assign]


def run(connection: Connection) -> None:
    """Run the requested revisions in one transaction on a connection."""
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes.get("metadata", Base.metadata),
        compare_type=True,
        compare_server_default=default_differs,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        render_as_batch=True,  # also for databases that alter a table by copying it
        transactional_ddl=True,
    )
    migration = context.get_context()
    cast_in_copies(migration.impl)
    compare_members(migration.impl)
    if connection.in_transaction():  # of the caller: a lock, whose statements all run in it
        migration.autocommit_block = nullcontext  # type: ignore[assignment,method-assign]
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """Run migrations on a new connection while holding the migration lock."""
    async with locked() as connection:
        await connection.run_sync(run)


def write() -> None:
    """Print the SQL instead of executing it (offline mode)."""
    context.configure(
        dialect_name=DIALECT,
        target_metadata=Base.metadata,
        literal_binds=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


existing_connection: Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    write()
elif existing_connection is not None:
    run(existing_connection)
else:
    asyncio.run(connect_and_run())
