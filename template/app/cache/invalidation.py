"""Invalidation of cached values by table versions.

Each table has a version, a random token. A value is stored with the versions that its tables had
before it was computed. The value is stale as soon as one of these versions has changed. Random
tokens never repeat, so the loss of a version invalidates values too.
"""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from app.cache.stores import Store, StoreUnavailable
from app.changes import Change, Kind
from app.models.base import Base

TIMEOUT = 0.5  # seconds that a response waits for its invalidations to be published
RETRY_DELAY = 5.0  # seconds until an unavailable store is tried again
VERSION_SIZE = 8  # bytes
VERSION_TTL = 86_400.0 * 365  # seconds
ALL = "*"  # a version that every value depends on


class TableVersions:
    """Stores one version per table; a new version invalidates the table's cached values."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store, self.prefix = store, prefix
        self.pending: set[str] = set()  # tables with pending invalidations
        self.invalidations = self.published = 0  # numbers of invalidations
        self.task: asyncio.Task[None] | None = None
        self.retry: asyncio.TimerHandle | None = None
        store.on_outage = self.handle_outage

    def handle_changes(self, changes: Sequence[Change]) -> None:
        """Invalidate the cached values that depend on tables that a commit changed."""
        self.invalidate(*{table for change in changes for table in changed_tables(change)})

    def invalidate(self, *tables: str) -> None:
        """Invalidate the cached values that depend on the given tables, in the background."""
        self.pending.update(tables)
        self.invalidations += 1
        if self.task is None and self.retry is None:
            self._start_publishing()

    def invalidate_all(self) -> None:
        """Invalidate all cached values.

        Another process may have died before it published its changes.
        """
        self.invalidate(ALL)

    def handle_outage(self) -> None:
        """Invalidate all cached values; publish the invalidation after `RETRY_DELAY` seconds.

        Changes by other processes are unknown during an outage.
        """
        if self.retry is None:
            loop = asyncio.get_running_loop()
            self.retry = loop.call_later(RETRY_DELAY, self._start_publishing)
        self.invalidate(ALL)

    async def wait_until_published(self) -> bool:
        """Wait up to `TIMEOUT` until all earlier invalidations are published.

        Returns:
            whether they were published in time
        """
        target = self.invalidations
        if self.published == target:
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT):
                while self.published < target and self.task and not self.store.is_unavailable:
                    await asyncio.wait({self.task})
        return self.published >= target

    async def current(self, key: str, tables: Iterable[str]) -> tuple[bytes, bytes | None]:
        """Return the versions of the given tables, and the cache entry of a key.

        One read returns both. The versions are concatenated.

        Raises:
            StoreUnavailable: the versions are unknown.
        """
        if not await self.wait_until_published():
            raise StoreUnavailable
        names = [self._name(table) for table in (ALL, *tables)]
        entry, *versions = await self.store.read(key, *names)
        if None in versions:
            versions = await self._initialize(names)
        return b"".join(filter(None, versions)), entry

    async def _initialize(self, names: Sequence[str]) -> list[bytes | None]:
        """Set the missing versions of tables.

        Concurrent processes get the same versions.
        """
        for name in names:
            await self.store.set_if_absent(name, secrets.token_bytes(VERSION_SIZE), VERSION_TTL)
        versions = await self.store.read(*names)
        if None in versions:
            raise StoreUnavailable
        return list(versions)

    async def aclose(self) -> None:
        """Publish pending invalidations, for at most `TIMEOUT`."""
        await self.wait_until_published()
        if self.retry:
            self.retry.cancel()
        if self.task:
            self.task.cancel()
            await asyncio.wait({self.task})

    def _name(self, table: str) -> str:
        return f"{self.prefix}:generation:{table}"

    def _start_publishing(self) -> None:
        self.retry, self.task = None, asyncio.get_running_loop().create_task(self._publish())

    async def _publish(self) -> None:
        """Store new versions of the tables with pending invalidations.

        Repeat this for tables that were invalidated meanwhile.
        """
        published, tables, self.pending = self.invalidations, self.pending, set()
        entries = {self._name(table): secrets.token_bytes(VERSION_SIZE) for table in tables}
        try:
            with suppress(StoreUnavailable):  # `handle_outage` then invalidates all values
                await self.store.write(entries)
                self.published = published
        finally:
            self.task = None
        if self.pending and self.retry is None:
            self._start_publishing()


def changed_tables(change: Change) -> Iterator[str]:
    """Yield the changed table, and the tables to which a deletion cascades."""
    yield change.table
    if change.kind is Kind.DELETED:
        yield from cascaded_tables(change.table, set())


def cascaded_tables(table: str, seen: set[str]) -> Iterator[str]:
    """Yield the tables that a deletion changes by ON DELETE CASCADE or SET NULL."""
    seen.add(table)
    for other in Base.metadata.tables.values():
        keys = [key for key in other.foreign_keys if key.column.table.name == table]
        if other.name not in seen and any(key.ondelete in {"CASCADE", "SET NULL"} for key in keys):
            yield other.name
            yield from cascaded_tables(other.name, seen)
