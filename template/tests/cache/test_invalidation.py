"""Publishing of table versions: batching, timeouts, shutdown."""

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from app.cache import invalidation
from app.cache.invalidation import TableVersions
from app.cache.stores import MemoryStore, StoreUnavailable
from tests.support.timeouts import DEADLINE, wait_until


class GatedStore(MemoryStore):
    """A store whose writes wait for a gate."""

    def __init__(self) -> None:
        super().__init__(max_bytes=10_000)
        self.gate = asyncio.Event()
        self.started: list[set[str]] = []  # tables of each write
        self.ended: list[str] = []

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Wait for the gate, and record the tables."""
        self.started.append({name.rpartition(":")[2] for name in entries})
        try:
            await self.gate.wait()
            await super().write(entries)
            self.ended.append("written")
        finally:
            await asyncio.sleep(0)
            self.ended.append("left")


class FailingStore(MemoryStore):
    """A store that becomes unavailable at the first write."""

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Fail as a Valkey that is unavailable does."""
        _ = entries
        self.is_unavailable = True
        self.on_outage()
        raise StoreUnavailable


@pytest.fixture
def versions() -> TableVersions:
    """Return table versions in a gated store."""
    return TableVersions(GatedStore(), "test")


def gated_store(versions: TableVersions) -> GatedStore:
    return cast("GatedStore", versions.store)


async def test_invalidations_during_write_are_published_next(versions: TableVersions) -> None:
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


async def test_waiting_covers_earlier_invalidations_only(
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


async def test_close_cancels_hanging_write(
    versions: TableVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "TIMEOUT", 0.01)
    versions.invalidate("a")
    async with asyncio.timeout(DEADLINE):
        await versions.aclose()
    assert gated_store(versions).ended == ["left"]


async def test_close_cancels_scheduled_retry() -> None:
    versions = TableVersions(FailingStore(max_bytes=0), "test")
    versions.invalidate("a")
    assert not await versions.wait_until_published()
    assert versions.retry
    await versions.aclose()
    assert versions.retry.cancelled()


async def test_store_that_evicts_versions_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        await TableVersions(MemoryStore(max_bytes=0), "test").current("value", ["a"])
