"""Generations: which state of a table a value was made of.

Each table has a token. A value is kept with the tokens that held before it was computed, and is
void as soon as one of them is another. Tokens are random, so that one that was lost never returns.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from app.cache.stores import Store, StoreUnavailable
from app.changes import Change, Kind
from app.models.base import Base

PATIENCE = 0.5  # seconds that anybody waits until a change is told
PAUSE = 5.0  # seconds after which a store that did not answer is asked again
SIZE = 8  # bytes of a token
AGE = 86_400.0 * 365  # seconds that a token lasts, if nothing changes
ALL = "*"  # what every value depends on


class TableVersions:
    """Tells all processes what this one has changed, and knows what it could not tell yet."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store, self.prefix = store, prefix
        self.changed: set[str] = set()
        self.noted = self.told = 0  # numbers of changes
        self.task: asyncio.Task[None] | None = None
        self.retry: asyncio.TimerHandle | None = None
        store.when_lost = self.lose

    def hear(self, changes: Sequence[Change]) -> None:
        """Take note of what a commit changed."""
        self.change(*{table for change in changes for table in changed_tables(change)})

    def change(self, *tables: str) -> None:
        """Make void what depends on some tables, in the background."""
        self.changed.update(tables)
        self.noted += 1
        if self.task is None and self.retry is None:
            self._tell()

    def start(self) -> None:
        """Make void all that is kept: who kept it may have died before it told a change."""
        self.change(ALL)

    def lose(self) -> None:
        """Ask again later, and take all for changed: nobody knows what others do meanwhile."""
        if self.retry is None:
            self.retry = asyncio.get_running_loop().call_later(PAUSE, self._tell)
        self.change(ALL)

    async def settle(self) -> bool:
        """Wait a moment for others to know what this process has changed; say whether they do."""
        wanted = self.noted
        if self.told == wanted:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.told < wanted and self.task and not self.store.lost:
                    await asyncio.wait({self.task})
        return self.told >= wanted

    async def current(self, place: str, tables: Iterable[str]) -> tuple[bytes, bytes | None]:
        """Give the tokens that hold now, and what is kept at a place.

        Raises:
            Away: it cannot be known.
        """
        if not await self.settle():
            raise StoreUnavailable
        names = [self._name(table) for table in (ALL, *tables)]
        kept, *tokens = await self.store.read(place, *names)
        if None in tokens:
            tokens = await self._begun(names)
        return b"".join(filter(None, tokens)), kept

    async def _begun(self, names: Sequence[str]) -> list[bytes | None]:
        """Give a token to each table that has none; all who do so at once end with the same."""
        for name in names:
            await self.store.claim(name, secrets.token_bytes(SIZE), AGE)
        tokens = await self.store.read(*names)
        if None in tokens:
            raise StoreUnavailable
        return list(tokens)

    async def aclose(self) -> None:
        """Tell what is to be told."""
        await self.settle()
        if self.retry:
            self.retry.cancel()
        if self.task:
            self.task.cancel()
            await asyncio.wait({self.task})

    def _name(self, table: str) -> str:
        return f"{self.prefix}:generation:{table}"

    def _tell(self) -> None:
        self.retry, self.task = None, asyncio.get_running_loop().create_task(self._told())

    async def _told(self) -> None:
        """Give the tables that changed new tokens; those that change meanwhile are next."""
        noted, tables, self.changed = self.noted, self.changed, set()
        entries = {self._name(table): secrets.token_bytes(SIZE) for table in tables}
        try:
            with suppress(StoreUnavailable):  # after which all counts as changed: see `lose`
                await self.store.write(entries)
                self.told = noted
        finally:
            self.task = None
        if self.changed and self.retry is None:
            self._tell()


def changed_tables(change: Change) -> Iterator[str]:
    """Name the table of a change, and those that the database changes with it."""
    yield change.table
    if change.kind is Kind.DELETED:
        yield from cascaded_tables(change.table, set())


def cascaded_tables(table: str, seen: set[str]) -> Iterator[str]:
    """Name the tables whose rows go, or are emptied of references, with those of a table."""
    seen.add(table)
    for other in Base.metadata.tables.values():
        keys = [key for key in other.foreign_keys if key.column.table.name == table]
        if other.name not in seen and any(key.ondelete in {"CASCADE", "SET NULL"} for key in keys):
            yield other.name
            yield from cascaded_tables(other.name, seen)
