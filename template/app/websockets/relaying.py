"""What other processes are told, by a Valkey; while it is away, each goes on by itself."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import uniform

import orjson
import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError
from sqlalchemy import URL

from app import valkey
from app.websockets.broadcasting import Hub
from app.websockets.message import Message

WAITING = 1000  # messages that may wait to be handed on
SILENCE = 5.0  # seconds after which a connection that says nothing is tried
PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each try to connect again, about

log = structlog.get_logger()


@dataclass
class Relay:
    """One subscription, and one way out, for all who listen to this process."""

    hub: Hub
    client: Redis
    channel: str
    waiting: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(WAITING))
    is_lost: bool = False
    was_there: bool = False
    has_gap: bool = False  # in what the others were told

    def put(self, message: Message) -> None:
        """Hand a message on, unless too many wait."""
        if self.waiting.full():
            self.has_gap = True
        else:
            self.waiting.put_nowait(message)

    async def hear(self) -> None:
        """Tell here what the others say; after an outage, that something may have been missed."""
        failures = 0
        while True:
            try:
                async with self.client.pubsub() as subscription:
                    await subscription.subscribe(self.channel)
                    while True:
                        found = await self._next(subscription)
                        if found["type"] == "subscribe":
                            self.find()
                            failures = 0
                        elif found["type"] == "message":
                            self.take(found["data"])
            except (RedisError, OSError) as error:
                self.lose(error)
            pause = PAUSES[min(failures, len(PAUSES) - 1)]
            failures += 1
            await asyncio.sleep(uniform(pause / 2, pause))  # noqa: S311 - not all at once

    async def _next(self, subscription: PubSub) -> dict[str, object]:
        for _ in range(2):
            found: dict[str, object] | None = await subscription.get_message(timeout=SILENCE)
            if found is not None:
                return found
            await subscription.ping()
        raise TimeoutError

    def take(self, data: object) -> None:
        """Tell here what another process says, which may be of another release."""
        try:
            said = orjson.loads(data)  # type: ignore[arg-type]
            if said["from"] == self.hub.name:
                return
            if said["gap"]:
                self.hub.missed()
            self.hub.tell(Message.unpacked(said))
        except Exception:
            log.exception("what another process says is not told")

    async def speak(self) -> None:
        """Hand on what waits, in its order."""
        while True:
            message = await self.waiting.get()
            said = {"from": self.hub.name, "gap": self.has_gap, **message.packed()}
            try:
                await self.client.publish(self.channel, orjson.dumps(said))
                self.has_gap = False
            except (RedisError, OSError) as error:
                self.has_gap = True
                self.lose(error)

    def lose(self, error: Exception) -> None:
        """Note that the others are out of reach; say so once."""
        if not self.is_lost:
            log.warning("changes stay here: Valkey does not answer", error=type(error).__name__)
        self.is_lost = True

    def find(self) -> None:
        """Note that they are there; unless for the first time, something may have been missed."""
        if self.is_lost:
            log.info("changes are told everywhere again")
        if self.is_lost or self.was_there:
            self.hub.missed()
        self.is_lost, self.was_there = False, True


@asynccontextmanager
async def relaying(hub: Hub, url: URL, name: str) -> AsyncGenerator[None, None]:
    """Hear and tell other processes for as long as the context lasts."""
    pool = valkey.connections(url)
    database = pool.connection_kwargs.get("db", 0)  # all databases of a Valkey share channels
    channel = f"websockets:{name}:{database}"
    relay = Relay(hub, Redis(connection_pool=pool), channel)
    hub.pass_on = relay.put
    tasks = [asyncio.create_task(work()) for work in (relay.hear, relay.speak)]
    yield
    hub.pass_on = None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pool.aclose()
