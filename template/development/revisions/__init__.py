"""Alembic revisions, extended with renames, backfills and data-loss warnings."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import MigrationScript

from app.models import Base
from development.revisions import backfill, data_loss, renames


def write(config: Config, message: str) -> list[str]:
    """Write a revision with the differences between database and models; return its warnings.

    Declared renames are applied before autogenerate compares, and rolled back.
    """
    connection = config.attributes["connection"]
    metadata = config.attributes.get("metadata", Base.metadata)
    warnings: list[str] = []

    def process(context: MigrationContext, _heads: object, scripts: list[MigrationScript]) -> None:
        """Add renames, backfills and data-loss comments to the generated operations."""
        upgrade, downgrade = scripts[0].upgrade_ops_list[0], scripts[0].downgrade_ops_list[0]
        warnings.extend(data_loss.review(upgrade, context.dialect))
        backfill.insert(upgrade, metadata, context.dialect)
        upgrade.ops[:0] = [rename for rename, _ in renamed]
        downgrade.ops.extend(inverse for _, inverse in reversed(renamed))

    with connection.begin_nested() as savepoint:
        renamed = renames.apply(connection, metadata)
        command.revision(config, message, autogenerate=True, process_revision_directives=process)
        savepoint.rollback()
    return warnings
