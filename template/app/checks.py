"""Checks of configuration, connections and database revision, for the command `app check`."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import app as package
from app import health, migrate, settings
from app.database import ENGINE
from app.main import create_app


def settings_classes(
    base: type[settings.EnvironmentSettings],
) -> Iterator[type[settings.EnvironmentSettings]]:
    """Yield all direct and indirect subclasses of `base` that the service defines."""
    for subclass in base.__subclasses__():
        if subclass.__module__.startswith("app."):
            yield subclass
        yield from settings_classes(subclass)


def configuration_problems() -> list[str]:
    """Return the invalid settings of the service, one line per environment variable."""
    for module in walk_packages(package.__path__, "app."):
        import_module(module.name)
    problems = []
    for kind in settings_classes(settings.EnvironmentSettings):
        try:
            settings.read(kind)
        except settings.ConfigurationError as error:
            problems += str(error).splitlines()
    return problems


async def connection_problems() -> list[str]:
    """Return one line per unavailable dependency, and one line if migrations are pending."""
    app = create_app()
    async with app.router.lifespan_context(app):
        failed = await health.readiness(app).failures(app)
        problems = [f"{name}: unavailable ({reason})." for name, reason in failed.items()]
        if not problems:
            async with ENGINE.get(app).connect() as connection:
                if not await connection.run_sync(migrate.is_current):
                    problems.append("database: pending migrations. Run `app migrate`.")
    return problems


async def check() -> int:
    """Print the problems and return the exit status."""
    problems = configuration_problems() or await connection_problems()
    for problem in problems:
        print(f"✗ {problem}", file=sys.stderr)
    if not problems:
        print(
            "✓ The configuration is valid, dependencies are available, the database is up to date."
        )
    return 1 if problems else 0
