"""Values: typed, told apart by their keys, computed once for all who ask at the same time."""

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

LARGEST = 1 << 20  # bytes; a longer value is not kept
JITTER = 0.1  # part of its time that a value ends earlier or later, so that not all end at once
LOCK = 2.0  # seconds for which one process computes a value for all
WAIT = 0.5  # seconds that the others wait for it
POLL = 0.02  # seconds between two looks

T = TypeVar("T")
KEY = TypeAdapter(tuple[Any, ...])
Load = Callable[[AsyncSession], Awaitable[T]]


def digest(value: bytes) -> str:
    """Give a short name to something long."""
    return blake2b(value, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Cached(Generic[T]):
    """A kind of value: its name, its type, the tables it is made of, its time in seconds.

    Its schema is part of its keys: a release that has another never reads what this one kept.
    """

    name: str
    adapter: TypeAdapter[T]
    of: tuple[type[Base] | Table, ...]
    seconds: float

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that it depends on."""
        names = {each.name if isinstance(each, Table) else each.__tablename__ for each in self.of}
        return tuple(sorted(names))

    @cached_property
    def version(self) -> str:
        """What stands for its schema."""
        return digest(json.dumps(self.adapter.json_schema()).encode())

    def place(self, *key: object) -> str:
        """Name one value of its kind."""
        return digest(KEY.dump_json((self.name, self.version, self.tables, key)))

    def written(self, value: T) -> bytes:
        """Write a value, as JSON."""
        return self.adapter.dump_json(value, round_trip=True, by_alias=True)

    def read(self, data: bytes) -> T:
        """Read a value.

        Raises:
            ValidationError: it does not fit the schema.
        """
        return self.adapter.validate_json(data)

    def lasting(self) -> float:
        """For how many seconds one value is kept."""
        return self.seconds * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


class Values:
    """Gives values that are kept, and computes and keeps the others."""

    def __init__(
        self, app: FastAPI, store: Store, generations: TableVersions, *, enabled: bool
    ) -> None:
        self.app, self.store, self.generations, self.enabled = app, store, generations, enabled
        self.flights: dict[tuple[str, bytes], asyncio.Task[bytes]] = {}

    async def get(self, cached: Cached[T], load: Load[T], *key: object) -> T:
        """Give a value; where none is kept, `load` computes it in a session of its own.

        The key tells it from others of its kind: whoever sees something else needs another key.
        """
        if not self.enabled:
            return cached.read(await self._load(cached, load))
        place = f"{self.generations.prefix}:value:{cached.place(*key)}"
        try:
            stamp, kept = await self.generations.current(place, cached.tables)
        except StoreUnavailable:
            return cached.read(await self._load(cached, load))
        with suppress(ValidationError, Unstamped):
            return cached.read(stripped(kept, stamp))
        # Shielded: whoever asked first may go away, the others still wait.
        return cached.read(await asyncio.shield(self._flight(cached, load, place, stamp)))

    def forget(self, *of: type[Base]) -> None:
        """Make void what depends on some tables, of which nobody saw that they changed."""
        self.generations.change(*(model.__tablename__ for model in of))

    async def aclose(self) -> None:
        """End what is under way."""
        flights = list(self.flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        await self.generations.aclose()
        await self.store.aclose()

    def _flight(
        self, cached: Cached[T], load: Load[T], place: str, stamp: bytes
    ) -> asyncio.Task[bytes]:
        """Join those who wait for the same value, in the same state; or be the first."""
        name = place, stamp
        if name not in self.flights:
            flight = asyncio.create_task(self._made(cached, load, place, stamp))
            flight.add_done_callback(lambda _: self.flights.pop(name))
            flight.add_done_callback(_heard)
            self.flights[name] = flight
        return self.flights[name]

    async def _made(self, cached: Cached[T], load: Load[T], place: str, stamp: bytes) -> bytes:
        """Compute a value and keep it, unless another process is about to."""
        lock = f"{place}:{stamp.hex()}"
        claimed = False
        with suppress(StoreUnavailable):
            claimed = await self.store.claim(lock, b"", LOCK)
            if not claimed and (found := await self._awaited(cached, place, stamp, lock)):
                return found
        try:
            data = await self._load(cached, load)
            if len(data) <= LARGEST:
                with suppress(StoreUnavailable):
                    await self.store.keep(place, stamp + data, cached.lasting())
        finally:
            if claimed:
                with suppress(StoreUnavailable):
                    await self.store.drop(lock)
        return data

    async def _awaited(
        self, cached: Cached[Any], place: str, stamp: bytes, lock: str
    ) -> bytes | None:
        """Wait, but not for long, for what another process computes while it holds the lock."""
        for _ in range(round(WAIT / POLL)):
            await asyncio.sleep(POLL)
            kept, held = await self.store.read(place, lock)
            with suppress(ValidationError, Unstamped):
                data = stripped(kept, stamp)
                cached.read(data)
                return data
            if held is None:
                break
        return None

    async def _load(self, cached: Cached[T], load: Load[T]) -> bytes:
        # Never in the caller's transaction, which may be older than the tokens, or never be
        # committed.
        async with READERS.get(self.app)() as session:
            return cached.written(await load(session))


CACHE = StateKey[Values]("cache")


class Unstamped(Exception):  # noqa: N818 - it says only that there is nothing
    """What is kept is of another state, or nothing is."""


def stripped(kept: bytes | None, stamp: bytes) -> bytes:
    """Give the value that was kept in a state.

    Raises:
        Unstamped: none was.
    """
    if kept is None or not kept.startswith(stamp):
        raise Unstamped
    return kept[len(stamp) :]


def _heard(flight: asyncio.Task[bytes]) -> None:
    """Take note of an error that nobody waits for any more."""
    if not flight.cancelled():
        flight.exception()
