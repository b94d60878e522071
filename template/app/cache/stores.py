"""Stores of cached values: this process's memory with LRU eviction, or a shared Valkey."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar, cast

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

TIMEOUT = 0.25  # seconds for a command
MAX_CONCURRENCY = 8  # commands of one process at a time; further commands wait
OVERHEAD = 200  # bytes of memory per entry, beside its value

T = TypeVar("T")

log = structlog.get_logger()


class StoreUnavailable(Exception):  # noqa: N818 - callers of the cache never see it
    """The store is unavailable, so values are computed instead."""


class Store(Protocol):
    """Interface of a key-value store, whose methods may raise `StoreUnavailable`."""

    is_unavailable: bool
    on_outage: Callable[[], None]

    async def read(self, *keys: str) -> Sequence[bytes | None]:
        """Return the values of the given keys; None for each missing key."""

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Set values without expiry.

        After an outage, only this method reconnects.
        """

    async def set(self, key: str, value: bytes, seconds: float) -> None:
        """Set a value that expires after a TTL."""

    async def set_if_absent(self, key: str, value: bytes, seconds: float) -> bool:
        """Set a value with a TTL if the key is missing; return whether it was set."""

    async def delete(self, key: str) -> None:
        """Delete a key, if it exists."""

    async def aclose(self) -> None:
        """Release the store's memory and connections."""


def ignore_outage() -> None:
    """Do nothing when the store becomes unavailable (default value of `on_outage`)."""


class MemoryStore:
    """Store in this process's memory, which evicts the least recently used values (LRU)."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.used, self.is_unavailable = max_bytes, 0, False
        self.on_outage: Callable[[], None] = ignore_outage
        self.entries = OrderedDict[str, tuple[bytes, float]]()  # value and time of expiry

    async def read(self, *keys: str) -> Sequence[bytes | None]:
        """Return the values of the given keys; None for each missing key."""
        return [self._get(key) for key in keys]

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Set values without expiry.

        They may still be evicted.
        """
        for key, value in entries.items():
            self._put(key, value, float("inf"))

    async def set(self, key: str, value: bytes, seconds: float) -> None:
        """Set a value that expires after a TTL."""
        self._put(key, value, seconds)

    async def set_if_absent(self, key: str, value: bytes, seconds: float) -> bool:
        """Set a value with a TTL if the key is missing; return whether it was set."""
        if self._get(key) is not None:
            return False
        self._put(key, value, seconds)
        return True

    async def delete(self, key: str) -> None:
        """Delete a key, if it exists, and free its memory."""
        self._pop(key)

    async def aclose(self) -> None:
        """Delete all entries."""
        self.entries.clear()

    def _get(self, key: str) -> bytes | None:
        value, expiry = self.entries.get(key, (None, 0.0))
        if value is None or expiry < time.monotonic():
            return None
        self.entries.move_to_end(key)
        return value

    def _put(self, key: str, value: bytes, seconds: float) -> None:
        self._pop(key)
        self.entries[key] = value, time.monotonic() + seconds
        self.used += len(value) + OVERHEAD
        while self.used > self.max_bytes:
            self._pop(next(iter(self.entries)))

    def _pop(self, key: str) -> None:
        if entry := self.entries.pop(key, None):
            self.used -= len(entry[0]) + OVERHEAD


class ValkeyStore:
    """Store in a shared Valkey.

    After a failure, the store is unavailable until a `write` succeeds.
    """

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self.client, self.is_unavailable = Redis(connection_pool=pool), False
        self.pool, self.slots = pool, asyncio.Semaphore(MAX_CONCURRENCY)
        self.on_outage: Callable[[], None] = ignore_outage

    async def read(self, *keys: str) -> Sequence[bytes | None]:
        """Return the values of the given keys in one round trip; None for each missing key."""
        values = await self._execute(lambda: self.client.mget(keys))
        return cast("list[bytes | None]", values)

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Set values without expiry, atomically.

        After an outage, a successful write makes the store available again.
        """
        await self._execute(lambda: self.client.mset(dict(entries)), reconnect=True)
        if self.is_unavailable:
            self.is_unavailable = False
            log.info("cache_available")

    async def set(self, key: str, value: bytes, seconds: float) -> None:
        """Set a value that expires after a TTL."""
        await self._execute(lambda: self.client.set(key, value, px=round(seconds * 1000)))

    async def set_if_absent(self, key: str, value: bytes, seconds: float) -> bool:
        """Set a value with a TTL if the key is missing; return whether it was set."""
        milliseconds = round(seconds * 1000)
        reply = await self._execute(lambda: self.client.set(key, value, px=milliseconds, nx=True))
        return bool(reply)

    async def delete(self, key: str) -> None:
        """Delete a key in Valkey, if it exists."""
        await self._execute(lambda: self.client.delete(key))

    async def aclose(self) -> None:
        """Close the connections to Valkey."""
        await self.pool.aclose()

    async def _execute(self, command: Callable[[], Awaitable[T]], *, reconnect: bool = False) -> T:
        async with self.slots:
            if self.is_unavailable and not reconnect:
                raise StoreUnavailable
            try:
                async with asyncio.timeout(TIMEOUT):
                    return await command()
            except (RedisError, OSError) as error:
                self._handle_outage(error)
                raise StoreUnavailable from None

    def _handle_outage(self, error: Exception) -> None:
        """Stop using Valkey until a `write` succeeds; log only the first failure."""
        if not self.is_unavailable:
            log.warning("cache_unavailable", error=type(error).__name__)
        self.is_unavailable = True
        self.on_outage()
