"""Purge of orphaned objects: content without a row, after aborted uploads or failed deletions."""

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

GRACE = timedelta(days=1)  # maximum time between storing content and committing its row
BATCH = 500


async def collect_files() -> str:
    """Delete orphaned objects; return a message with their number."""
    store = open_store(settings.read(FilesSettings))
    engine = migrate.create()
    try:
        async with AsyncSession(engine) as session:
            count = await collect(session, store)
    finally:
        await engine.dispose()
    return f"Deleted {count} orphaned {'object' if count == 1 else 'objects'}."


async def collect(session: AsyncSession, store: "ObjectStore") -> int:
    """Delete objects that are older than `GRACE` and have no row; return their number.

    Objects whose key is not a UUID belong to other programs and are skipped.
    """
    count = await asyncio.to_thread(_delete_partial_files, store)
    # In threads: asynchronous tasks of obstore must not be running when the process exits.
    batches = obstore.list(store, chunk_size=BATCH)
    while batch := await asyncio.to_thread(next, batches, ()):
        paths = _expired(batch)
        rows = await session.scalars(select(File.id).where(File.id.in_(paths)))
        orphans = paths.keys() - set(rows)
        await asyncio.to_thread(_delete, store, [paths[key] for key in orphans])
        count += len(orphans)
    return count


def _expired(batch: "Sequence[ObjectMeta]") -> dict[UUID, str]:
    """Map file IDs to the paths of objects that are older than `GRACE`."""
    before = now() - GRACE
    paths = {}
    for each in batch:
        with suppress(ValueError):
            if each["last_modified"] < before:
                paths[UUID(each["path"])] = each["path"]
    return paths


def _delete(store: "ObjectStore", paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            obstore.delete(store, path)


def _delete_partial_files(store: "ObjectStore") -> int:
    """Delete temporary files that killed processes left in a local directory."""
    expired = [path for path in _partial_files(store) if _age(path) > GRACE.total_seconds()]
    for path in expired:
        path.unlink(missing_ok=True)
    return len(expired)


def _partial_files(store: "ObjectStore") -> Iterator[Path]:
    if isinstance(store, LocalStore) and store.prefix:
        yield from Path(store.prefix).glob("*#*")  # temporary files of object_store have such names


def _age(path: Path) -> float:
    """Return how many seconds ago a file was modified."""
    return time.time() - path.stat().st_mtime
