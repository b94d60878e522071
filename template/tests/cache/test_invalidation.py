"""Tests of table versions, which invalidate cached values in all processes."""

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from app.cache import invalidation
from app.cache.invalidation import TableVersions
from app.cache.stores import MemoryStore, StoreUnavailable
from tests.support.timeouts import DEADLINE, wait_until


class GatedStore(MemoryStore):
    """Cache store whose writes wait until its gate is open."""

    def __init__(self) -> None:
        super().__init__(max_bytes=10_000)
        self.gate = asyncio.Event()
        self.started: list[set[str]] = []  # tables of each write
        self.ended: list[str] = []

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Wait for the gate, then record the written tables."""
        self.started.append({name.rpartition(":")[2] for name in entries})
        try:
            await self.gate.wait()
            await super().write(entries)
            self.ended.append("written")
        finally:
            await asyncio.sleep(0)
            self.ended.append("left")


class FailingStore(MemoryStore):
    """Cache store that is unavailable from its first write."""

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Raise the error of an unavailable Valkey."""
        _ = entries
        self.is_unavailable = True
        self.on_outage()
        raise StoreUnavailable


@pytest.fixture
def versions() -> TableVersions:
    """Return table versions whose store waits for a gate."""
    return TableVersions(GatedStore(), "test")


def gated_store(versions: TableVersions) -> GatedStore:
    return cast("GatedStore", versions.store)


async def test_invalidations_during_a_write_are_published_by_next_write(
    versions: TableVersions,
) -> None:
    store = gated_store(versions)
    versions.invalidate("a")
    await wait_until(lambda: store.started)
    versions.invalidate("b")
    versions.invalidate("b", "c")
    assert store.started == [{"a"}]
    store.gate.set()
    assert await versions.wait_until_published()
    await asyncio.sleep(0)
    assert store.started == [{"a"}, {"b", "c"}]


async def test_wait_until_published_does_not_wait_for_later_invalidations(
    versions: TableVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "TIMEOUT", 3600.0)
    store = gated_store(versions)
    versions.invalidate("a")
    waiting = asyncio.create_task(versions.wait_until_published())
    await wait_until(lambda: store.started)
    versions.invalidate("b")
    store.gate.set()
    store.gate = asyncio.Event()
    async with asyncio.timeout(DEADLINE):
        assert await waiting
        assert store.started == [{"a"}, {"b"}]
        store.gate.set()
        assert await versions.wait_until_published()


async def test_close_publishes_pending_invalidations(versions: TableVersions) -> None:
    store = gated_store(versions)
    store.gate.set()
    versions.invalidate("a")
    await versions.aclose()
    assert store.ended == ["written", "left"]


async def test_close_cancels_hanging_write_to_store(
    versions: TableVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "TIMEOUT", 0.01)
    versions.invalidate("a")
    async with asyncio.timeout(DEADLINE):
        await versions.aclose()
    assert gated_store(versions).ended == ["left"]


async def test_close_cancels_scheduled_write_retry() -> None:
    versions = TableVersions(FailingStore(max_bytes=0), "test")
    versions.invalidate("a")
    assert not await versions.wait_until_published()
    assert versions.retry
    await versions.aclose()
    assert versions.retry.cancelled()


async def test_read_of_evicted_table_version_raises_store_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        await TableVersions(MemoryStore(max_bytes=0), "test").current("value", ["a"])
