"""What would lose data, or keep what failed: transactions, migrations, the databases behind them."""

from __future__ import annotations

from tests.harness.promises.definition import BOTH, SQLITE, Break

TRANSACTION = """\
    async with connection.app.state.sessions.begin() as session:
        yield session
"""

KEEPS_WHAT_FAILED = """\
    async with connection.app.state.sessions() as session:
        try:
            yield session
        finally:
            await session.commit()
"""

CLOSES_WHEN_ALL_IS_WELL = """\
    session = connection.app.state.sessions()
    connection.app.state.kept = (*getattr(connection.app.state, "kept", ()), session)
    yield session
    if not await Request(connection.scope, connection._receive).is_disconnected():
        await session.commit()
        await session.close()
"""

SECOND_HEAD = """\
revision = "0000"
down_revision = None
"""

REWRITES_A_TABLE = """\
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.alter_column("products", "price", type_=sa.Float())


def downgrade() -> None:
    op.alter_column("products", "price", type_=sa.Numeric(10, 2))
"""

LOCKED = """\
            async with migration_lock(connection):
                await connection.run_sync(upgrade)
"""

# The transaction stays open for longer than replicas that start at once lie apart.
UNLOCKED = """\
            async with connection.begin():
                await connection.run_sync(upgrade)
                await connection.exec_driver_sql("SELECT pg_sleep(3)")
"""

TRANSACTIONS = [
    Break(
        "the commit comes after the answer",
        "app/database.py",
        'Depends(transaction, scope="function")',
        "Depends(transaction)",
        "test_transactions.py::test_nothing_is_kept_of_what_failed",
        BOTH,
    ),
    Break(
        "an error commits",
        "app/database.py",
        TRANSACTION,
        KEEPS_WHAT_FAILED,
        "test_transactions.py::test_nothing_is_kept_of_what_failed",
        BOTH,
    ),
    Break(
        "nothing is committed",
        "app/database.py",
        "sessions.begin()",
        "sessions()",
        "test_transactions.py::test_what_was_answered_can_be_read_at_once",
        BOTH,
    ),
    Break(
        "a client that hangs up keeps a connection",
        "app/database.py",
        TRANSACTION,
        CLOSES_WHEN_ALL_IS_WELL,
        "test_transactions.py::test_clients_that_hang_up_leave_no_connection_in_use",
        BOTH,
    ),
    Break(
        "a reader does not see what is committed",
        "app/postgresql.py",
        'return {} if pooled else {"isolation_level": "AUTOCOMMIT"}',
        'return {"isolation_level": "REPEATABLE READ"}',
        "test_database.py::test_a_reader_sees_what_is_committed",
    ),
    Break(
        "a reader holds the file",
        "app/sqlite.py",
        'return {"isolation_level": "AUTOCOMMIT"}',
        "return {}",
        "test_database.py::test_a_reader_sees_what_is_committed",
        SQLITE,
    ),
    Break(
        "a test keeps what it writes",
        "tests/conftest.py",
        "await transaction.rollback()",
        "await transaction.commit()",
        "test_database.py::test_tests_do_not_meet_what_others_kept",
        BOTH,
    ),
    Break(
        "what refers to one another is not emptied",
        "tests/tables.py",
        "        if columns:\n",
        "        if not columns:\n",
        "test_database.py::test_tables_are_emptied_though_they_refer_to_one_another",
        BOTH,
    ),
    Break(
        "what is referred to is emptied first",
        "tests/tables.py",
        "any(column.nullable for column in reference.columns)",
        "True",
        "test_database.py::test_tables_are_emptied_though_they_refer_to_one_another",
        BOTH,
    ),
    Break(
        "any database of PostgreSQL is dropped",
        "development/postgresql.py",
        'if "_test_" not in (url.database or ""):',
        "if not url.database:",
        "test_database.py::test_only_a_test_database_is_dropped",
    ),
    Break(
        "any file of SQLite is dropped",
        "development/sqlite.py",
        'if "_test_" not in database:',
        "if not database:",
        "test_database.py::test_only_a_test_database_is_dropped",
        SQLITE,
    ),
    Break(
        "a busy pool is an internal error",
        "app/database.py",
        "    app.add_exception_handler(PoolTimeoutError, tell_gone)\n",
        "",
        "test_postgresql.py::test_a_busy_pool_is_told_as_unavailable",
    ),
    Break(
        "an outage is an internal error",
        "app/postgresql.py",
        "raise Unavailable(message) from error",
        "raise",
        "test_postgresql.py::test_an_outage_costs_readiness_and_ends_by_itself",
        drill=True,
    ),
]

MIGRATIONS = [
    Break(
        "the revisions lack a column",
        "migrations/versions/0001_initial.py",
        '        sa.Column("description", sa.Text(), nullable=True),\n',
        "",
        "test_migrations.py::test_the_revisions_lead_to_the_models",
        BOTH,
    ),
    Break(
        "the revisions lack an index",
        "migrations/versions/0001_initial.py",
        '    op.create_index(op.f("ix_products_price"), "products", ["price"])\n',
        "",
        "test_migrations.py::test_the_revisions_lead_to_the_models",
        BOTH,
        says="The models have changed, and no revision says so. Write it:",
    ),
    Break(
        "there are two newest revisions",
        "migrations/versions/0000_other.py",
        "",
        SECOND_HEAD,
        "test_migrations.py::test_there_is_one_newest_revision",
    ),
    Break(
        "the way back forgets a table",
        "migrations/versions/0001_initial.py",
        'op.drop_table("products")',
        "pass",
        "test_migrations.py::test_the_way_back_leads_to_nothing_and_forth_again",
        BOTH,
        says="Undo in `downgrade` what `upgrade` does.",
    ),
    Break(
        "the service migrates as it starts",
        "app/database.py",
        "    engine = create_engine(chosen)\n",
        "    engine = create_engine(chosen)\n    from app import migrate\n\n    await migrate.migrate()\n",
        "test_migrations.py::test_the_service_does_not_migrate_as_it_starts",
        BOTH,
    ),
    Break(
        "replicas migrate without a lock",
        "app/migrate.py",
        LOCKED,
        UNLOCKED,
        "test_migrations.py::test_replicas_that_start_at_once_migrate_once",
        drill=True,
    ),
    Break(
        "a migration always has something to do",
        "app/migrate.py",
        "                return False\n",
        "                pass\n",
        "test_migrations.py::test_a_second_migration_has_nothing_to_do",
    ),
    Break(
        "a migration rewrites a table",
        "migrations/versions/0002_price.py",
        "",
        REWRITES_A_TABLE,
        "test_postgresql.py::test_migrations_lock_nothing_for_long",
    ),
    Break(
        "migrations go through the pooler's address",
        "app/postgresql.py",
        "self.direct_url or self.url",
        "self.url",
        "test_postgresql.py::test_migrations_go_past_the_pooler_and_take_their_time",
    ),
    Break(
        "migrations keep the pooler",
        "app/postgresql.py",
        '                "pooler": Pooler.NONE,\n',
        "",
        "test_postgresql.py::test_migrations_go_past_the_pooler_and_take_their_time",
    ),
    Break(
        "migrations go through a pooler that nothing leads past",
        "app/postgresql.py",
        "self.pooler is Pooler.TRANSACTION and self.direct_url is None",
        "False",
        "test_postgresql.py::test_migrations_that_would_go_through_the_pooler_are_refused",
    ),
    Break(
        "migrations wait for a lock while others queue",
        "app/postgresql.py",
        "self.lock_timeout or 10",
        "self.lock_timeout",
        "test_postgresql.py::test_migrations_go_past_the_pooler_and_take_their_time",
    ),
    Break(
        "a revision does not look at the models",
        "development/commands.py",
        "autogenerate=True",
        "autogenerate=False",
        "test_commands.py::test_a_revision_says_what_a_model_asks_for",
        BOTH,
        drill=True,
    ),
    Break(
        "development forgets its data",
        "development/commands.py",
        'databases.kept(ROOT / ".dev")',
        "databases.throwaway()",
        "test_commands.py::test_development_needs_nothing_and_keeps_its_data",
        BOTH,
        drill=True,
    ),
    Break(
        "a check does not look at the revision",
        "app/checks.py",
        "if not await connection.run_sync(migrate.is_current):",
        "if False:",
        "test_commands.py::test_check_tells_that_the_database_is_behind",
    ),
]

DATABASES = [
    Break(
        "a key that is taken is an error of the service's",
        "app/database.py",
        "(ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint)",
        "(ForeignKeyConstraint, UniqueConstraint)",
        "test_database.py::test_a_key_that_is_taken_is_a_conflict",
        BOTH,
    ),
    Break(
        "a replica is never asked",
        "app/database.py",
        "connection.app.state.replicas()",
        "connection.app.state.readers()",
        "test_postgresql.py::test_what_only_reads_asks_the_replica",
    ),
    Break(
        "what is written goes to the replica",
        "app/database.py",
        "app.state.sessions = sessions(engine)",
        "app.state.sessions = sessions(replica)",
        "test_postgresql.py::test_what_only_reads_asks_the_replica",
    ),
    Break(
        "a statement may take for ever",
        "app/postgresql.py",
        '            "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",\n',
        "",
        "test_postgresql.py::test_a_statement_that_takes_too_long_ends",
    ),
    Break(
        "a statement may take for ever behind a pooler",
        "app/postgresql.py",
        "settings.statement_timeout or None",
        "None",
        "test_postgresql.py::test_a_statement_that_takes_too_long_ends",
    ),
    Break(
        "a pooler meets statements that are prepared",
        "app/postgresql.py",
        '            "statement_cache_size": 0,\n            "prepared_statement_cache_size": 0,\n',
        "",
        "test_postgresql.py::test_a_pooled_engine_prepares_nothing_that_outlives_a_transaction",
    ),
    Break(
        "decimals are floats",
        "app/sqlite.py",
        'Decimal(f"{value:.{self.scale or 0}f}")',
        "value",
        "test_sqlite.py::test_decimals_are_kept_exactly",
        SQLITE,
    ),
    Break(
        "times are read without a zone",
        "app/sqlite.py",
        ".replace(tzinfo=UTC)",
        "",
        "test_sqlite.py::test_times_are_kept_in_utc",
        SQLITE,
    ),
    Break(
        "times are written in the zone that they have",
        "app/sqlite.py",
        "moment.astimezone(UTC)",
        "moment",
        "test_sqlite.py::test_times_are_kept_in_utc",
        SQLITE,
    ),
    Break(
        "a transaction begins when it writes",
        "app/sqlite.py",
        '"BEGIN IMMEDIATE"',
        '"BEGIN"',
        "test_sqlite.py::test_writers_wait_for_each_other",
        SQLITE,
    ),
    Break(
        "who only reads waits for who writes",
        "app/sqlite.py",
        '!= "AUTOCOMMIT"',
        '!= ""',
        "test_sqlite.py::test_a_file_that_stays_locked_can_be_read_but_not_written",
        SQLITE,
    ),
    Break(
        "foreign keys are not enforced",
        "app/sqlite.py",
        "PRAGMA foreign_keys = ON",
        "PRAGMA foreign_keys = OFF",
        "test_sqlite.py::test_foreign_keys_are_enforced",
        SQLITE,
    ),
]
