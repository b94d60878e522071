"""Tests of the purge of orphans: stored objects without a row."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore
from sqlalchemy.ext.asyncio import AsyncSession

from app.files import orphans
from app.files.orphans import collect, collect_files
from app.models.base import uuid7
from app.models.file import File

if TYPE_CHECKING:
    from obstore.store import ObjectStore


@pytest.fixture
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a grace period that all objects have exceeded."""
    monkeypatch.setattr(orphans, "GRACE", -timedelta(minutes=1))


async def put(store: "ObjectStore", *names: object) -> None:
    """Store objects that no row references."""
    for name in names:
        await obstore.put_async(store, str(name), b"text")


def names(directory: Path) -> list[str]:
    """Return the names of all files in a directory, including temporary files."""
    return [path.name for path in directory.iterdir()]


def stored_keys(store: "ObjectStore") -> set[str]:
    """Return the keys of all objects in the object store."""
    return {each["path"] for each in obstore.list(store).collect()}


@pytest.mark.usefixtures("_no_grace")
async def test_objects_without_row_are_deleted(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "BATCH", 2)
    store = MemoryStore()
    file = File(name="a", content_type="text/plain", size=4, sha256="0" * 64)
    session.add(file)
    await session.flush()
    await put(store, file.id, "of another program", *(uuid7() for _ in range(4)))
    assert await collect(session, store) == 4
    assert stored_keys(store) == {str(file.id), "of another program"}


async def test_recent_objects_without_row_are_not_deleted(
    session: AsyncSession, tmp_path: Path
) -> None:
    store, name = MemoryStore(), str(uuid7())
    await put(store, name)
    assert await collect(session, store) == 0
    assert stored_keys(store) == {name}
    await asyncio.to_thread((tmp_path / f"{uuid7()}#1").touch)
    assert await collect(session, LocalStore(tmp_path)) == 0
    assert len(names(tmp_path)) == 1


@pytest.mark.usefixtures("_no_grace")
async def test_temporary_file_left_by_killed_process_is_deleted(
    session: AsyncSession, tmp_path: Path
) -> None:
    await asyncio.to_thread((tmp_path / f"{uuid7()}#1").touch)
    assert await collect(session, LocalStore(tmp_path)) == 1
    assert names(tmp_path) == []


@pytest.mark.usefixtures("_no_grace")
async def test_collect_files_returns_number_of_deleted_orphans(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    monkeypatch.setenv("FILES_URL", tmp_path.as_uri())
    await put(LocalStore(tmp_path), uuid7(), uuid7())
    assert await collect_files() == "Deleted 2 orphaned objects."
    assert names(tmp_path) == []
