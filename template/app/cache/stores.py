"""Where values are kept: in this process's memory, or in a Valkey that all processes share."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar, cast

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

PATIENCE = 0.25  # seconds that an exchange may take
AT_ONCE = 8  # exchanges of one process; the others wait, and are no sign of an outage
OVERHEAD = 200  # bytes that an entry takes besides its value

T = TypeVar("T")

log = structlog.get_logger()


class StoreUnavailable(Exception):  # noqa: N818 - it is none to whoever asks for a value
    """What keeps the values does not answer."""


class Store(Protocol):
    """What keeps values; each method may raise `Away`."""

    lost: bool
    when_lost: Callable[[], None]

    async def read(self, *keys: str) -> Sequence[bytes | None]:
        """Give what is kept, for each key."""

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Keep some entries for good; once it was lost, nothing else asks whether it is back."""

    async def keep(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for a while."""

    async def claim(self, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value for a while, unless there is one; say whether there was none."""

    async def drop(self, key: str) -> None:
        """Forget a key."""

    async def aclose(self) -> None:
        """Let go of connections."""


def nothing() -> None:
    """Do nothing."""


class MemoryStore:
    """Keeps what was used last, up to so many bytes."""

    def __init__(self, room: int) -> None:
        self.room, self.used, self.lost = room, 0, False
        self.when_lost: Callable[[], None] = nothing
        self.entries = OrderedDict[str, tuple[bytes, float]]()  # with the moment of its end

    async def read(self, *keys: str) -> Sequence[bytes | None]:
        """Give what is kept, for each key."""
        return [self._get(key) for key in keys]

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Keep some entries until there is no room."""
        for key, value in entries.items():
            self._put(key, value, float("inf"))

    async def keep(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for a while, as long as there is room."""
        self._put(key, value, seconds)

    async def claim(self, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value for a while, unless there is one; say whether there was none."""
        if self._get(key) is not None:
            return False
        self._put(key, value, seconds)
        return True

    async def drop(self, key: str) -> None:
        """Forget a key."""
        self._pop(key)

    async def aclose(self) -> None:
        """Forget everything."""
        self.entries.clear()

    def _get(self, key: str) -> bytes | None:
        value, end = self.entries.get(key, (None, 0.0))
        if value is None or end < time.monotonic():
            return None
        self.entries.move_to_end(key)
        return value

    def _put(self, key: str, value: bytes, seconds: float) -> None:
        self._pop(key)
        self.entries[key] = value, time.monotonic() + seconds
        self.used += len(value) + OVERHEAD
        while self.used > self.room:
            self._pop(next(iter(self.entries)))

    def _pop(self, key: str) -> None:
        if found := self.entries.pop(key, None):
            self.used -= len(found[0]) + OVERHEAD


class ValkeyStore:
    """Keeps values in a Valkey; one that fails to answer is lost until it takes a `write`."""

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self.client, self.lost = Redis(connection_pool=pool), False
        self.pool, self.room = pool, asyncio.Semaphore(AT_ONCE)
        self.when_lost: Callable[[], None] = nothing

    async def read(self, *keys: str) -> Sequence[bytes | None]:
        """Give what is kept, for each key, in one exchange."""
        found = await self._ask(lambda: self.client.mget(keys))
        return cast("list[bytes | None]", found)

    async def write(self, entries: Mapping[str, bytes]) -> None:
        """Keep some entries, all at once; if that works again, the rest does."""
        await self._ask(lambda: self.client.mset(dict(entries)), lost_too=True)
        if self.lost:
            self.lost = False
            log.info("the cache is used again")

    async def keep(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for a while."""
        await self._ask(lambda: self.client.set(key, value, px=round(seconds * 1000)))

    async def claim(self, key: str, value: bytes, seconds: float) -> bool:
        """Keep a value for a while, unless there is one; say whether there was none."""
        milliseconds = round(seconds * 1000)
        done = await self._ask(lambda: self.client.set(key, value, px=milliseconds, nx=True))
        return bool(done)

    async def drop(self, key: str) -> None:
        """Forget a key."""
        await self._ask(lambda: self.client.delete(key))

    async def aclose(self) -> None:
        """Close the connections."""
        await self.pool.aclose()

    async def _ask(self, command: Callable[[], Awaitable[T]], *, lost_too: bool = False) -> T:
        async with self.room:
            if self.lost and not lost_too:
                raise StoreUnavailable
            try:
                async with asyncio.timeout(PATIENCE):
                    return await command()
            except (RedisError, OSError) as error:
                self._lose(error)
                raise StoreUnavailable from None

    def _lose(self, error: Exception) -> None:
        """Do without for a while; say so once."""
        if not self.lost:
            log.warning("the cache is not used: Valkey does not answer", error=type(error).__name__)
        self.lost = True
        self.when_lost()
