"""Cached values, which concurrent callers compute only once (single-flight).

Single-flight within a process and a lock between processes prevent a stampede, in which many
callers compute the same value after a miss.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Generic, TypeVar

from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from app.cache.invalidation import TableVersions
from app.cache.stores import Store, StoreUnavailable
from app.database import READERS
from app.models.base import Base
from app.state import StateKey

MAX_SIZE = 1 << 20  # bytes; a larger value is not stored
JITTER = 0.1  # fraction of the TTL, up or down, so values expire at different times
LOCK = 2.0  # seconds until the lock of the process that computes a value expires
WAIT = 0.5  # seconds that other processes wait for its value
POLL_INTERVAL = 0.02  # seconds

T = TypeVar("T")
KEY = TypeAdapter(tuple[Any, ...])
Load = Callable[[AsyncSession], Awaitable[T]]


def digest(value: bytes) -> str:
    """Return a short hash of bytes, as a cache key."""
    return blake2b(value, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Cached(Generic[T]):
    """A kind of cached value: its name, type, tables and TTL.

    Cache keys contain a hash of the type's JSON schema, so a release with another schema never
    reads these values.

    Attributes:
        name: unique within the service
        adapter: the type, which is stored as JSON
        of: the models or tables that it depends on
        seconds: TTL
    """

    name: str
    adapter: TypeAdapter[T]
    of: tuple[type[Base] | Table, ...]
    seconds: float

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that the value depends on."""
        names = {each.name if isinstance(each, Table) else each.__tablename__ for each in self.of}
        return tuple(sorted(names))

    @cached_property
    def schema_version(self) -> str:
        """The hash of the value's JSON schema."""
        return digest(json.dumps(self.adapter.json_schema()).encode())

    def key_of(self, *key: object) -> str:
        """Return the store's key of one value: a hash of name, schema, tables and key."""
        return digest(KEY.dump_json((self.name, self.schema_version, self.tables, key)))

    def dump(self, value: T) -> bytes:
        """Serialize a cached value as JSON."""
        return self.adapter.dump_json(value, round_trip=True, by_alias=True)

    def parse(self, data: bytes) -> T:
        """Parse the JSON of a cached value.

        Raises:
            ValidationError: the JSON does not match the schema.
        """
        return self.adapter.validate_json(data)

    def ttl(self) -> float:
        """Return the TTL of one value in seconds, with random jitter."""
        return self.seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


class ValueCache:
    """Cache that returns stored values, and computes those that are missing or stale."""

    def __init__(
        self, app: FastAPI, store: Store, versions: TableVersions, *, enabled: bool
    ) -> None:
        self.app, self.store, self.versions, self.enabled = app, store, versions, enabled
        self.flights: dict[tuple[str, bytes], asyncio.Task[bytes]] = {}

    async def get(self, cached: Cached[T], load: Load[T], *key: object) -> T:
        """Return a value from the cache, or load it.

        A cache hit runs no query. A cache miss calls `load` in a new session.

        Args:
            cached: the kind of value
            load: computes the value
            key: identifies the value among the values of its kind; include the user's ID if the
            value depends on the user
        """
        if not self.enabled:
            return cached.parse(await self._load(cached, load))
        name = f"{self.versions.prefix}:value:{cached.key_of(*key)}"
        try:
            stamp, entry = await self.versions.current(name, cached.tables)
        except StoreUnavailable:
            return cached.parse(await self._load(cached, load))
        with suppress(ValidationError, Stale):
            return cached.parse(strip_stamp(entry, stamp))
        # Shielded: the first caller may be cancelled while others wait for the same flight.
        return cached.parse(await asyncio.shield(self._flight(cached, load, name, stamp)))

    def forget(self, *of: type[Base]) -> None:
        """Invalidate all cached values that depend on the given models.

        Call it after raw SQL, whose changes are not tracked.
        """
        self.versions.invalidate(*(model.__tablename__ for model in of))

    async def aclose(self) -> None:
        """Cancel the running computations of values, and close the store."""
        flights = list(self.flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self.versions.aclose()
        await self.store.aclose()

    def _flight(
        self, cached: Cached[T], load: Load[T], name: str, stamp: bytes
    ) -> asyncio.Task[bytes]:
        """Return the task that computes this value; start it if it does not run yet."""
        key = name, stamp
        if key not in self.flights:
            flight = asyncio.create_task(self._compute(cached, load, name, stamp))
            flight.add_done_callback(lambda _: self.flights.pop(key))
            flight.add_done_callback(_retrieve_exception)
            self.flights[key] = flight
        return self.flights[key]

    async def _compute(self, cached: Cached[T], load: Load[T], name: str, stamp: bytes) -> bytes:
        """Compute and store a value, or wait for another process that already computes it."""
        lock = f"{name}:{stamp.hex()}"
        is_locked = False
        with suppress(StoreUnavailable):
            is_locked = await self.store.set_if_absent(lock, b"", LOCK)
            if not is_locked and (data := await self._wait(cached, name, stamp, lock)):
                return data
        try:
            data = await self._load(cached, load)
            if len(data) <= MAX_SIZE:
                with suppress(StoreUnavailable):
                    await self.store.set(name, stamp + data, cached.ttl())
        finally:
            if is_locked:
                with suppress(StoreUnavailable):
                    await self.store.delete(lock)
        return data

    async def _wait(self, cached: Cached[Any], name: str, stamp: bytes, lock: str) -> bytes | None:
        """Wait up to `WAIT` for a value that another process computes.

        Return None after this time, or if that process has released its lock.
        """
        for _ in range(round(WAIT / POLL_INTERVAL)):
            await asyncio.sleep(POLL_INTERVAL)
            entry, holder = await self.store.read(name, lock)
            with suppress(ValidationError, Stale):
                data = strip_stamp(entry, stamp)
                cached.parse(data)
                return data
            if holder is None:
                break
        return None

    async def _load(self, cached: Cached[T], load: Load[T]) -> bytes:
        # Never in the caller's transaction, which may be older than the versions, or be rolled
        # back.
        async with READERS.get(self.app)() as session:
            return cached.dump(await load(session))


CACHE = StateKey[ValueCache]("cache")


class Stale(Exception):  # noqa: N818 - a cache miss, not an error
    """The cache entry is missing, or was computed from older versions of its tables."""


def strip_stamp(entry: bytes | None, stamp: bytes) -> bytes:
    """Return the value in a cache entry; raise `Stale` if the entry has another stamp.

    A stamp contains the table versions from which the value was computed.

    Raises:
        Stale: the entry is missing, or has another stamp.
    """
    if entry is None or not entry.startswith(stamp):
        raise Stale
    return entry[len(stamp) :]


def _retrieve_exception(flight: asyncio.Task[bytes]) -> None:
    """Retrieve a task's error, since asyncio logs errors that are never retrieved."""
    if not flight.cancelled():
        flight.exception()
