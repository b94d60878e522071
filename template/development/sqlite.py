"""SQLite files for development and tests."""

import shutil
import tempfile
from asyncio import to_thread
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from development.memory import shared_memory


@contextmanager
def persistent(directory: Path) -> Generator[str, None, None]:
    """Return the URL of a SQLite file in `directory`."""
    directory.mkdir(exist_ok=True)
    print(f"Database   SQLite in {directory / 'app.db'}")
    yield f"sqlite:///{directory / 'app.db'}"


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
