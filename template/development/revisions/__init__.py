"""Alembic revisions, extended with renames, backfills, conversions and checks of existing rows."""

from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import CreateTableOp, MigrationScript, ModifyTableOps
from sqlalchemy import Dialect

from app.models import Base
from development.revisions import (
    backfill,
    checks,
    conversions,
    data_loss,
    portable,
    relaxation,
    renames,
)


def write(config: Config, message: str) -> list[str]:
    """Write a revision with the differences between database and models; return its warnings.

    Declared renames are applied before autogenerate compares, and rolled back.
    """
    connection = config.attributes["connection"]
    metadata = config.attributes.get("metadata", Base.metadata)
    warnings: list[str] = []

    def process(context: MigrationContext, _heads: object, scripts: list[MigrationScript]) -> None:
        """Add renames, backfills, checks and data-loss comments to the generated operations."""
        upgrade, downgrade = scripts[0].upgrade_ops_list[0], scripts[0].downgrade_ops_list[0]
        portable.rewrite(upgrade.ops, context.dialect)
        portable.rewrite(downgrade.ops, context.dialect, is_read=True)
        warnings.extend(data_loss.review(upgrade, context.dialect))
        for operations in (upgrade.ops, downgrade.ops):
            secure(operations, context.dialect)
        upgrade.ops[:0] = [rename for rename, _ in renamed]
        downgrade.ops.extend(inverse for _, inverse in reversed(renamed))

    with connection.begin_nested() as savepoint:
        renamed = renames.apply(connection, metadata)
        command.revision(config, message, autogenerate=True, process_revision_directives=process)
        savepoint.rollback()
    return warnings


def secure(operations: list[Any], dialect: Dialect) -> None:
    """Insert backfills, and checks of existing rows above the operations that need them.

    Operations that only relax a table come first, so that statements can change rows in between.
    """
    created = {each.table_name for each in operations if isinstance(each, CreateTableOp)}
    secured: list[Any] = []
    for operation in operations:
        if isinstance(operation, ModifyTableOps):
            for part in conversions.split(operation):
                steps = [
                    *backfill.fill(part, dialect),
                    *checks.of_table(part, created, dialect),
                ]
                secured += relaxation.before(steps, part)
        else:
            secured.append(operation)
            secured += backfill.copy(operation) if isinstance(operation, CreateTableOp) else []
    operations[:] = secured
