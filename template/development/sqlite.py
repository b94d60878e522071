"""SQLite files for development and tests."""

import shutil
import sqlite3
import tempfile
from asyncio import to_thread
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from app import settings
from app.sqlite import DatabaseSettings
from development.memory import shared_memory


@contextmanager
def persistent(directory: Path) -> Generator[str, None, None]:
    """Return the URL of a SQLite file in `directory`."""
    directory.mkdir(exist_ok=True)
    print(f"Database   SQLite in {directory / 'app.db'}", flush=True)
    yield f"sqlite:///{directory / 'app.db'}"


def is_used(directory: Path) -> bool:
    """Return whether a connection to the SQLite file in `directory` is open."""
    file = directory / "app.db"
    if not file.exists():
        return False
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        except sqlite3.DatabaseError:  # a damaged file
            return False
    return False


def client(statement: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the command that opens the file of `DATABASE_URL`, and its environment variables.

    It is `sqlite3`, or `litecli` from the package index if that is not installed.

    Args:
        statement: SQL to run instead of opening a prompt
    """
    file = settings.read(DatabaseSettings).url.database or ""
    if program := shutil.which("sqlite3"):
        options = ["-header", "-column", "-cmd", "PRAGMA foreign_keys = ON"]
        return [program, *options, file, *([statement] if statement else [])], {}
    return ["uvx", "litecli", file, *(["--table", "--execute", statement] if statement else [])], {}


@contextmanager
def temporary() -> Generator[str, None, None]:
    """Return the URL of a SQLite file in a directory that is deleted when the context ends."""
    with tempfile.TemporaryDirectory(prefix="sqlite-", dir=shared_memory()) as directory:
        yield f"sqlite:///{directory}/app.db"


async def create(server: str) -> str:
    """Return the URL of a new SQLite file, which is created on first use."""
    return f"{server.partition('_test_')[0].removesuffix('.db')}_test_{uuid4().hex}.db"


async def clone(original: str) -> str:
    """Copy a SQLite file that has no connections; return the URL of the copy."""
    copy = await create(original)
    await to_thread(shutil.copyfile, _file(original), _file(copy))
    return copy


async def drop(database: str) -> None:
    """Delete a SQLite file that `create` or `clone` created; reject any other file."""
    if "_test_" not in database:
        message = f"{database} was not created by a test."
        raise ValueError(message)
    for suffix in ("", "-wal", "-shm"):
        await to_thread(_file(database + suffix).unlink, missing_ok=True)


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")
