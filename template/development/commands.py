"""The commands that are for a checkout: serve with reload, and write a migration."""

import asyncio
import os
import socket
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn
from alembic import command

from app import logging, migrate, settings
from development import databases

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"


class GivenSettings(settings.EnvironmentSettings):
    """A database that is given needs no other."""

    database_url: str | None = None


@contextmanager
def database() -> Generator[None, None, None]:
    """Name a database in the environment: the one that is given, else one of our own."""
    os.environ.setdefault("ENVIRONMENT", settings.Environment.DEVELOPMENT)
    os.environ.setdefault("LOG_FORMAT", logging.Format.CONSOLE)
    if settings.read(GivenSettings).database_url:
        print("Database   the one that DATABASE_URL names")
        yield
        return
    with databases.kept(ROOT / ".dev") as url:
        os.environ["DATABASE_URL"] = url
        yield


def free(port: int) -> int:
    """Find the first port from `port` on that nobody listens to."""
    while True:
        with closing(socket.socket()) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError:
                port += 1
            else:
                return port


def serve(port: int) -> int:
    """Serve with reload, on a database at its newest revision."""
    with database():
        if asyncio.run(migrate.migrate()):
            print("           migrated to the newest revision")
        found = free(port)
        print(f"API        http://{HOST}:{found}/docs", flush=True)
        logging.configure(settings.read(logging.LogSettings))
        uvicorn.run(
            "app.main:create_app",
            factory=True,
            host=HOST,
            port=found,
            reload=True,
            reload_dirs=[str(ROOT / "app")],
            log_config=None,
            access_log=False,
        )
    return 0


def revise(message: str) -> int:
    """Write the migration that leads from the newest revision to the models."""
    with database():
        asyncio.run(migrate.migrate())
        command.revision(migrate.config(), message, autogenerate=True)
    return 0
