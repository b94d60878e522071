"""A look at the configuration and the connections before the service runs, told in words."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import app as package
from app import health, migrate, settings
from app.database import ENGINE
from app.main import create_app


def kinds(kind: type[settings.EnvironmentSettings]) -> Iterator[type[settings.EnvironmentSettings]]:
    """Find the service's classes of settings below `kind`."""
    for below in kind.__subclasses__():
        if below.__module__.startswith("app."):
            yield below
        yield from kinds(below)


def misconfigured() -> list[str]:
    """List what is wrong with the settings of all parts together."""
    for module in walk_packages(package.__path__, "app."):
        import_module(module.name)
    problems = []
    for kind in kinds(settings.EnvironmentSettings):
        try:
            settings.read(kind)
        except settings.ConfigurationError as error:
            problems += str(error).splitlines()
    return problems


async def unreachable() -> list[str]:
    """List what does not answer, or is not at its newest revision."""
    app = create_app()
    async with app.router.lifespan_context(app):
        failed = await health.readiness(app).failures(app)
        problems = [f"{name}: no answer ({why})." for name, why in failed.items()]
        if not problems:
            async with ENGINE.get(app).connect() as connection:
                if not await connection.run_sync(migrate.is_current):
                    problems.append("database: not at the newest revision; run `app migrate`.")
    return problems


async def check() -> int:
    """Tell what is wrong; give the exit status."""
    problems = misconfigured() or await unreachable()
    for problem in problems:
        print(f"✗ {problem}", file=sys.stderr)
    if not problems:
        print("✓ The configuration is sound, everything answers, and the database is up to date.")
    return 1 if problems else 0
