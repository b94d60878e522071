"""Faults that violate promises of migrations, settings and the development commands."""

from __future__ import annotations

from tests.harness.promises.definition import BOTH, SQLITE, Break, promise

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

LOSES_VALUES = """\
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Lossy: products.price, NUMERIC(10, 2) to INTEGER, may round, cut or reject values.
    op.alter_column("products", "price", type_=sa.Integer())


def downgrade() -> None:
    op.alter_column("products", "price", type_=sa.Numeric(10, 2))
"""

MIGRATIONS = [
    *promise(
        "docs/resources.md: a rename that `was` declares preserves rows",
        Break(
            "declared renames are not applied",
            "development/revisions/renames.py",
            "for renames in (tables, columns, constraints):",
            "for renames in ():",
            "database/test_revisions.py::test_declared_rename_migration_preserves_rows",
            BOTH,
        ),
        Break(
            "a copied table deletes the rows that reference it",
            "app/sqlite.py",
            '"PRAGMA foreign_keys = OFF"',
            '"PRAGMA foreign_keys = ON"',
            "database/test_revisions.py::test_declared_rename_migration_preserves_rows",
            SQLITE,
        ),
    ),
    *promise(
        "docs/resources.md: `app revision` reports what may be a rename, loses values or fails",
        Break(
            "a lossy change is not reviewed",
            "migrations/versions/0002_price.py",
            "",
            LOSES_VALUES,
            "database/test_migrations.py::test_migrations_contain_no_unreviewed_lossy_changes",
            BOTH,
            says="write `# Reviewed:` instead of `# Lossy:`.",
        ),
        Break(
            "a dropped column beside an equal one is not reported",
            "development/revisions/data_loss.py",
            "for new in same[:1]:",
            "for new in same[:0]:",
            "database/test_revisions.py::test_possible_undeclared_column_rename_is_reported",
        ),
    ),
    *promise(
        "docs/resources.md: a migration checks the rows, and fails before it loses values",
        Break(
            "values that do not fit another type are not counted",
            "migrations/steps.py",
            "if not _is_convertible(one, new)",
            "if False",
            "database/test_revisions.py::test_text_that_is_no_number_fails_conversion_and_stays",
            BOTH,
        ),
        Break(
            "duplicates are not counted",
            "migrations/steps.py",
            "having(func.count() > 1)",
            "having(func.count() > 9)",
            "database/test_revisions.py::test_rows_that_violate_new_constraints_are_counted",
            BOTH,
        ),
        Break(
            "a conversion without a meaning is written",
            "development/revisions/conversions.py",
            "if String not in families and families not in CASTS:",
            "if False:",
            "database/test_revisions.py::test_conversion_without_meaning_is_rejected",
            BOTH,
        ),
    ),
    *promise(
        "template/docs/postgresql.md: statements that cannot run in a transaction are in an autocommit block",
        Break(
            "a block in the transaction of SQLite's lock is an error",
            "migrations/env.py",
            "if connection.in_transaction():",
            "if False:",
            "database/test_revisions.py::test_autocommit_block_runs_within_transaction_of_caller",
            BOTH,
        ),
    ),
    *promise(
        "docs/resources.md: a default fills rows that exist",
        Break(
            "a column that becomes required is not filled",
            "development/revisions/backfill.py",
            "            if default is not None:\n",
            "            if False:\n",
            "database/test_revisions.py::test_migration_fills_existing_rows_with_default",
            BOTH,
        ),
    ),
    *promise(
        "docs/rules.md: migrations produce the tables of the models",
        Break(
            "no revision creates an index of a model",
            "migrations/versions/0001_initial.py",
            '    op.create_index(op.f("ix_products_price"), "products", ["price"])\n',
            "",
            "database/test_migrations.py::test_upgraded_database_matches_models",
            BOTH,
            says="The models differ from the newest revision. Write the next one:",
        ),
    ),
    *promise(
        "docs/rules.md: migrations can be downgraded",
        Break(
            "downgrade leaves a table",
            "migrations/versions/0001_initial.py",
            'op.drop_table("products")',
            "pass",
            "database/test_migrations.py::test_migrations_can_be_downgraded_and_upgraded_again",
            BOTH,
            says="Drop in `downgrade` what `upgrade` creates.",
        ),
    ),
    *promise(
        "template/README.md.jinja: of several processes that migrate, one does and the others wait",
        Break(
            "migrates without a lock",
            "app/migrate.py",
            LOCKED,
            UNLOCKED,
            "database/test_migrations.py::test_concurrent_migrate_commands_all_succeed",
            drill=True,
        ),
    ),
    *promise(
        "template/README.md.jinja: migrate before a rollout, not at startup",
        Break(
            "migrates at startup",
            "app/database.py",
            "    engine = create_engine(config)\n",
            "    engine = create_engine(config)\n    from app import migrate\n\n    await migrate.migrate()\n",
            "database/test_migrations.py::test_startup_does_not_migrate_database",
            BOTH,
        ),
    ),
    *promise(
        "template/docs/postgresql.md: a migration locks no table for long",
        Break(
            "a migration rewrites a table",
            "migrations/versions/0002_price.py",
            "",
            REWRITES_A_TABLE,
            "database/test_postgresql.py::test_migrations_violate_no_squawk_lock_rules",
        ),
    ),
    *promise(
        "template/README.md.jinja: `app check` reports what is wrong with configuration and connections",
        Break(
            "app check ignores pending migrations",
            "app/checks.py",
            "if not await connection.run_sync(migrate.is_current):",
            "if False:",
            "server/test_commands.py::test_check_command_reports_pending_migrations",
        ),
    ),
    *promise(
        "template/README.md.jinja: `app dev` keeps a database in .dev/",
        Break(
            "app dev discards its database",
            "development/commands.py",
            "databases.persistent(LOCAL, **options)",
            "databases.temporary()",
            "server/test_commands.py::test_dev_command_without_configuration_persists_data",
            BOTH,
            drill=True,
        ),
    ),
    *promise(
        "README.md: errors of settings name the variable and the fix, never the value",
        Break(
            "echoes the value of an invalid setting",
            "app/settings.py",
            'if detail["type"] == "missing" else message',
            'if detail["type"] == "missing" else message + os.environ.get(variable(kind, field), "")',
            "server/test_settings.py::test_invalid_setting_error_hides_value",
        ),
    ),
    *promise(
        "template/README.md.jinja: production refuses placeholder secrets, and is the default",
        Break(
            "accepts a placeholder secret in production",
            "app/settings.py",
            "raise ConfigurationError(problems)",
            "pass",
            "server/test_settings.py::test_placeholder_secret_is_rejected_in_production",
            BOTH,
        ),
        Break(
            "defaults to development",
            "app/settings.py",
            "        Environment.PRODUCTION, description=",
            "        Environment.DEVELOPMENT, description=",
            "server/test_settings.py::test_environment_defaults_to_production",
        ),
    ),
    *promise(
        "template/docs/compatibility.md: `app compare` reports what clients lose",
        Break(
            "does not report a removed field",
            "development/compatibility/narrowed_schemas.py",
            "            if name not in present:\n",
            "            if name not in present and False:\n",
            "development/test_narrowed_schemas.py::test_removed_field_of_schema_is_reported",
            SQLITE,
        ),
        Break(
            "exits with 0 after a breaking change",
            "development/compatibility/comparison.py",
            "    if all(change.line in reasons for change in changes):\n",
            "    if True:\n",
            "development/test_comparison.py::test_compare_prints_breaking_change_with_fix",
            SQLITE,
        ),
    ),
    *promise(
        "template/docs/clients.md: generated clients have exact types, and `app client` deletes no other files",
        Break(
            "describes whole numbers as 32 bits",
            "app/openapi.py",
            '"integer": "int64"',
            '"integer": "int32"',
            "api/test_openapi.py::test_numbers_have_64_bits",
            SQLITE,
        ),
        Break(
            "replaces a directory with other files",
            "development/client.py",
            "(not is_free and any(directory.iterdir()))",
            "False",
            "development/test_client.py::test_directory_with_other_files_is_unchanged",
            SQLITE,
        ),
        Break(
            "deletes the previous client if the generator fails",
            "development/client.py",
            "check=False).returncode:",
            "check=False).returncode and shutil.rmtree(directory) is None:",
            "development/test_client.py::test_failed_generator_leaves_previous_client",
            SQLITE,
        ),
    ),
]
