"""Generations of tables: when changes are told, and what is left once nobody tells them."""

import asyncio
from collections.abc import Mapping
from typing import cast

import pytest

from app.cache import invalidation
from app.cache.invalidation import TableVersions
from app.cache.stores import MemoryStore, StoreUnavailable
from tests.support.timeouts import DEADLINE, wait_until


class Gated(MemoryStore):
    """A memory that takes what is written once its gate is open."""

    def __init__(self) -> None:
        super().__init__(room=10_000)
        self.gate = asyncio.Event()
        self.begun: list[set[str]] = []
        self.ended: list[str] = []

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Wait for the gate, and note which tables are told."""
        self.begun.append({name.rpartition(":")[2] for name in entries})
        try:
            await self.gate.wait()
            await super().write(entries)
            self.ended.append("written")
        finally:
            await asyncio.sleep(0)
            self.ended.append("left")


class Failing(MemoryStore):
    """A memory that is lost once something is written."""

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Fail as a Valkey that is unavailable does."""
        _ = entries
        self.lost = True
        self.when_lost()
        raise StoreUnavailable


@pytest.fixture
def generations() -> TableVersions:
    """Give generations whose changes are told one write after another."""
    return TableVersions(Gated(), "test")


def gated(generations: TableVersions) -> Gated:
    """Give the store of generations."""
    return cast("Gated", generations.store)


async def test_changes_during_a_write_are_told_in_the_next(generations: TableVersions) -> None:
    store = gated(generations)
    generations.change("a")
    await wait_until(lambda: store.begun)
    generations.change("b")
    generations.change("b", "c")
    assert store.begun == [{"a"}]
    store.gate.set()
    assert await generations.settle()
    await asyncio.sleep(0)
    assert store.begun == [{"a"}, {"b", "c"}]


async def test_settling_waits_for_earlier_changes_only(
    generations: TableVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "PATIENCE", 3600.0)
    store = gated(generations)
    generations.change("a")
    settling = asyncio.create_task(generations.settle())
    await wait_until(lambda: store.begun)
    generations.change("b")
    store.gate.set()
    store.gate = asyncio.Event()
    async with asyncio.timeout(DEADLINE):
        assert await settling
        assert store.begun == [{"a"}, {"b"}]
        store.gate.set()
        assert await generations.settle()


async def test_closing_tells_what_has_changed(generations: TableVersions) -> None:
    store = gated(generations)
    store.gate.set()
    generations.change("a")
    await generations.aclose()
    assert store.ended == ["written", "left"]


async def test_closing_ends_a_write_that_hangs(
    generations: TableVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation, "PATIENCE", 0.01)
    generations.change("a")
    async with asyncio.timeout(DEADLINE):
        await generations.aclose()
    assert gated(generations).ended == ["left"]


async def test_closing_cancels_the_next_attempt() -> None:
    generations = TableVersions(Failing(room=0), "test")
    generations.change("a")
    assert not await generations.settle()
    assert generations.retry
    await generations.aclose()
    assert generations.retry.cancelled()


async def test_store_that_forgets_tokens_at_once_is_not_believed() -> None:
    with pytest.raises(StoreUnavailable):
        await TableVersions(MemoryStore(room=0), "test").current("value", ["a"])
