"""Content that no row names: of uploads that were cut short, and of deletions that failed."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import obstore
from obstore.store import LocalStore
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import migrate, settings
from app.files.storage import FilesSettings, open_store
from app.models.base import now
from app.models.file import File

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

GRACE = timedelta(days=1)  # for which content may wait for its row
BATCH = 500


async def collect_files() -> str:
    """Delete content that no row names, and say how much there was."""
    store = open_store(settings.read(FilesSettings))
    engine = migrate.create()
    try:
        async with AsyncSession(engine) as session:
            number = await collect(session, store)
    finally:
        await engine.dispose()
    return f"{number} left over, and deleted."


async def collect(session: AsyncSession, store: "ObjectStore") -> int:
    """Delete what is old enough and belongs to no row; what others keep beside it stays."""
    number = await asyncio.to_thread(_unfinished, store)
    # In threads: a process must not end just after what obstore does by itself.
    batches = obstore.list(store, chunk_size=BATCH)
    while batch := await asyncio.to_thread(next, batches, ()):
        old = _old(batch)
        rows = await session.scalars(select(File.id).where(File.id.in_(old)))
        lost = old.keys() - set(rows)
        await asyncio.to_thread(_delete, store, [old[key] for key in lost])
        number += len(lost)
    return number


def _old(batch: "Sequence[ObjectMeta]") -> dict[UUID, str]:
    """Give the paths of what is old enough, by keys."""
    before = now() - GRACE
    found = {}
    for each in batch:
        with suppress(ValueError):
            if each["last_modified"] < before:
                found[UUID(each["path"])] = each["path"]
    return found


def _delete(store: "ObjectStore", paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            obstore.delete(store, path)


def _unfinished(store: "ObjectStore") -> int:
    """Delete the beginnings of files that a directory keeps of a process that was killed."""
    found = [path for path in _beginnings(store) if _age(path) > GRACE.total_seconds()]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _beginnings(store: "ObjectStore") -> Iterator[Path]:
    if isinstance(store, LocalStore) and store.prefix:
        yield from Path(store.prefix).glob("*#*")  # as the library names what it has not finished


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
