"""How Alembic reaches the database: on the connection that it is given, or on one of its own."""

import asyncio
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Connection
from sqlalchemy.schema import CreateTable

from app.migrate import DIALECT, locked
from app.models import Base


def differs(
    migration: MigrationContext,
    _inspected: Column[Any],
    column: Column[Any],
    found: str | None,
    _default: object,
    wanted: str | None,
) -> bool:
    """Compare defaults by what the database makes of them, however it writes them."""
    if found is None or wanted is None:
        return found is not wanted
    dialect = migration.dialect
    compiler = dialect.ddl_compiler(dialect, CreateTable(column.table))
    kind = column.type.compile(dialect)
    values = (found, compiler.get_column_default_string(column))
    one, other = (f"CAST(CAST({value} AS {kind}) AS TEXT)" for value in values)
    return bool(context.get_bind().exec_driver_sql(f"SELECT {one} <> {other}").scalar())


def run(connection: Connection) -> None:
    """Run the revisions that are asked for, in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes.get("metadata", Base.metadata),
        compare_type=True,
        compare_server_default=differs,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        render_as_batch=not connection.dialect.supports_alter,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """Run on a connection to the database that the environment names."""
    async with locked() as connection:
        await connection.run_sync(run)


def write() -> None:
    """Write SQL instead of running it."""
    context.configure(
        dialect_name=DIALECT,
        target_metadata=Base.metadata,
        literal_binds=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    write()
elif given is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
