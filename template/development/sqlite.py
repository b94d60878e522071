"""SQLite for development and tests: files, one a database."""

import shutil
import tempfile
from asyncio import to_thread
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import make_url

from development.memory import memory


@contextmanager
def kept(directory: Path) -> Generator[str, None, None]:
    """Name a database that is kept in `directory`."""
    directory.mkdir(exist_ok=True)
    print(f"Database   SQLite, kept in {directory / 'app.db'}")
    yield f"sqlite:///{directory / 'app.db'}"


@contextmanager
def throwaway() -> Generator[str, None, None]:
    """Make room for databases that vanish when the context ends."""
    with tempfile.TemporaryDirectory(prefix="sqlite-", dir=memory()) as directory:
        yield f"sqlite:///{directory}/app.db"


async def create(server: str) -> str:
    """Make room for an empty database, and give its URL."""
    return f"{server.partition('_test_')[0].removesuffix('.db')}_test_{uuid4().hex}.db"


async def clone(original: str) -> str:
    """Copy a database that nobody uses, and give the copy's URL."""
    copy = await create(original)
    await to_thread(shutil.copyfile, _file(original), _file(copy))
    return copy


async def drop(database: str) -> None:
    """Remove a database that `create` or `clone` made."""
    if "_test_" not in database:
        message = f"{database} was not made by a test; it stays."
        raise ValueError(message)
    for suffix in ("", "-wal", "-shm"):
        await to_thread(_file(database + suffix).unlink, missing_ok=True)


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")
