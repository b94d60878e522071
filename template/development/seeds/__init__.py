"""Command `seed`: insert plausible rows of all resources into the development database.

The rows depend only on the seed. Where they exist, the command inserts nothing; it never updates or
deletes the rows of others.
"""

import asyncio

from app import migrate, settings
from development.commands import database
from development.seeds.insertion import Report, Seeder
from development.seeds.resources import resources

__all__ = ["insert", "seed"]


class SeedSettings(settings.EnvironmentSettings):
    """The environment and the URL of an external database, if they are set."""

    environment: settings.Environment | None = None
    database_url: str | None = None


def seed(rows: int, number: int) -> int:
    """Insert rows of all resources, and print a line per table.

    Raises:
        CommandError: the environment is production, or `rows` is not positive.
    """
    if rows < 1:
        message = "--rows must be 1 or more."
        raise settings.CommandError(message)
    config = settings.read(SeedSettings)
    is_unknown = config.environment is None and config.database_url is not None
    if is_unknown or config.environment is settings.Environment.PRODUCTION:
        message = "`seed` does not run in production. Set ENVIRONMENT=development."
        raise settings.CommandError(message)
    with database():
        try:
            reports = asyncio.run(insert(rows, number))
        except migrate.MigrationError as error:
            print(f"Error      {error}")
            return 1
    print("\n".join(map(str, reports)) or "There are no resources.")
    return int(any(report.is_error for report in reports))


async def insert(rows: int, number: int) -> list[Report]:
    """Migrate the database, and insert up to `rows` rows of each resource; report each table."""
    await migrate.migrate()
    engine = migrate.create()
    try:
        return await Seeder(engine, resources(), number).insert(rows)
    finally:
        await engine.dispose()
