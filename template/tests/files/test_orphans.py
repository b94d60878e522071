"""Content that no row names is deleted, once it is old enough, and nothing else is."""

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
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take everything for old."""
    monkeypatch.setattr(orphans, "GRACE", -timedelta(minutes=1))


async def put(store: "ObjectStore", *names: object) -> None:
    """Store content."""
    for name in names:
        await obstore.put_async(store, str(name), b"text")


def names(directory: Path) -> list[str]:
    """Name what a directory has, finished or not."""
    return [path.name for path in directory.iterdir()]


def kept(store: "ObjectStore") -> set[str]:
    """Name what a store holds."""
    return {each["path"] for each in obstore.list(store).collect()}


@pytest.mark.usefixtures("_at_once")
async def test_content_without_a_row_is_deleted(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "BATCH", 2)
    store = MemoryStore()
    file = File(name="a", content_type="text/plain", size=4, sha256="0" * 64)
    session.add(file)
    await session.flush()
    await put(store, file.id, "of somebody else", *(uuid7() for _ in range(4)))
    assert await collect(session, store) == 4
    assert kept(store) == {str(file.id), "of somebody else"}


async def test_content_may_wait_for_its_row(session: AsyncSession, tmp_path: Path) -> None:
    store, name = MemoryStore(), str(uuid7())
    await put(store, name)
    assert await collect(session, store) == 0
    assert kept(store) == {name}
    await asyncio.to_thread((tmp_path / f"{uuid7()}#1").touch)
    assert await collect(session, LocalStore(tmp_path)) == 0
    assert len(names(tmp_path)) == 1


@pytest.mark.usefixtures("_at_once")
async def test_what_a_process_that_was_killed_had_begun_is_deleted(
    session: AsyncSession, tmp_path: Path
) -> None:
    await asyncio.to_thread((tmp_path / f"{uuid7()}#1").touch)
    assert await collect(session, LocalStore(tmp_path)) == 1
    assert names(tmp_path) == []


@pytest.mark.usefixtures("_at_once")
async def test_the_command_says_how_much_there_was(
    shared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = shared_url
    monkeypatch.setenv("FILES_URL", tmp_path.as_uri())
    await put(LocalStore(tmp_path), uuid7(), uuid7())
    assert await collect_files() == "2 left over, and deleted."
    assert names(tmp_path) == []
