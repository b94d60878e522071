"""The commands: `uv run app dev | serve | migrate | revision | check | openapi`.

`dev` and `revision` are for a checkout; the others also stand in the image.
"""

import argparse
import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence

from app.settings import ConfigurationError


def serve(_: argparse.Namespace) -> int:
    """Serve, as in production."""
    importlib.import_module("app.server").serve()
    return 0


def migrate(given: argparse.Namespace) -> int:
    """Bring the database to the newest revision."""
    migrations = importlib.import_module("app.migrate")
    if given.sql:
        migrations.write()
    else:
        changed = asyncio.run(migrations.migrate())
        print("Migrated." if changed else "The database is at the newest revision.")
    return 0


def check(_: argparse.Namespace) -> int:
    """Say what is wrong with the configuration and the connections."""
    return int(asyncio.run(importlib.import_module("app.checks").check()))


def openapi(_: argparse.Namespace) -> int:
    """Print the API's description."""
    dialect = importlib.import_module("app.migrate").DIALECT
    os.environ.setdefault("DATABASE_URL", f"{dialect}:///unused")  # nothing is asked of it
    app = importlib.import_module("app.main").create_app()
    print(json.dumps(app.openapi(), indent=2))
    return 0


def dev(given: argparse.Namespace) -> int:
    """Serve with reload, on a database that needs no installation."""
    return int(_development("serve")(given.port))


def revision(given: argparse.Namespace) -> int:
    """Write the migration from the database's newest revision to the models."""
    return int(_development("revise")(given.message))


def _development(name: str) -> Callable[..., int]:
    try:
        found: Callable[..., int] = getattr(importlib.import_module("development"), name)
    except ModuleNotFoundError as error:
        message = f"This command is for a checkout of the service: {error.name} is not here."
        raise ConfigurationError(message) from None
    return found


def port(text: str) -> int:
    """Read the number of a port."""
    number = int(text)
    if not 0 < number < 1 << 16:
        message = "a port is a number from 1 to 65535"
        raise argparse.ArgumentTypeError(message)
    return number


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(prog="app", description="Run the service.")
    commands = made.add_subparsers(required=True, metavar="command")

    def add(run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(run.__name__, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        return command

    add(dev).add_argument(
        "--port", type=port, default=8000, help="the next free one if it is taken"
    )
    add(serve)
    add(migrate).add_argument("--sql", action="store_true", help="print the SQL, and run nothing")
    add(revision).add_argument("message", help="what changes, in a few words")
    add(check)
    add(openapi)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; tell what is wrong with the configuration in words."""
    given = parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except ConfigurationError as error:
        print(f"The service cannot run like this.\n{error}", file=sys.stderr)
        return 2


if __name__ == "__main__":  # but not where `app check` imports every module
    sys.exit(main())
