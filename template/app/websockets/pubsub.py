"""Relay of messages between processes by Valkey's publish/subscribe.

During an outage of Valkey, each process publishes only its own changes, to its own subscribers.
"""

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
from app.websockets.hub import Hub
from app.websockets.message import Message

QUEUE_LIMIT = 1000  # messages that wait to be published
SILENCE = 5.0  # seconds without a message after which the connection is pinged
BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each reconnect, with jitter

log = structlog.get_logger()


@dataclass
class PubSubRelay:
    """Exchanges messages with other processes by Valkey's publish/subscribe.

    All subscribers of this process share one subscription and one publisher.
    """

    hub: Hub
    client: Redis
    channel: str
    queue: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT))
    is_lost: bool = False
    was_connected: bool = False
    has_gap: bool = False  # messages were dropped since the last one that was published

    def put(self, message: Message) -> None:
        """Enqueue a message to other processes; drop it if the queue is full."""
        if self.queue.full():
            self.has_gap = True
        else:
            self.queue.put_nowait(message)

    async def receive(self) -> None:
        """Deliver messages from other processes; reconnect with exponential backoff."""
        failures = 0
        while True:
            try:
                async with self.client.pubsub() as subscription:
                    await subscription.subscribe(self.channel)
                    while True:
                        received = await self._next(subscription)
                        if received["type"] == "subscribe":
                            self.recover()
                            failures = 0
                        elif received["type"] == "message":
                            self.deliver(received["data"])
            except (RedisError, OSError) as error:
                self.lose(error)
            pause = BACKOFF[min(failures, len(BACKOFF) - 1)]
            failures += 1
            await asyncio.sleep(uniform(pause / 2, pause))  # noqa: S311 - jitter

    async def _next(self, subscription: PubSub) -> dict[str, object]:
        for _ in range(2):
            received: dict[str, object] | None = await subscription.get_message(timeout=SILENCE)
            if received is not None:
                return received
            await subscription.ping()
        raise TimeoutError

    def deliver(self, data: object) -> None:
        """Deliver a message from another process; log an error if it is invalid.

        The other process may run another release of the service.
        """
        try:
            content = orjson.loads(data)  # type: ignore[arg-type]
            if content["from"] == self.hub.name:
                return
            if content["gap"]:
                self.hub.report_gap()
            self.hub.deliver(Message.unpacked(content))
        except Exception:
            log.exception("relayed_message_invalid")

    async def publish(self) -> None:
        """Publish the queued messages in order."""
        while True:
            message = await self.queue.get()
            content = {"from": self.hub.name, "gap": self.has_gap, **message.packed()}
            try:
                await self.client.publish(self.channel, orjson.dumps(content))
                self.has_gap = False
            except (RedisError, OSError) as error:
                self.has_gap = True
                self.lose(error)

    def lose(self, error: Exception) -> None:
        """Record that the connection to Valkey is lost, and log it once."""
        if not self.is_lost:
            log.warning("websockets_relay_lost", error=type(error).__name__)
        self.is_lost = True

    def recover(self) -> None:
        """Record that the connection to Valkey is back.

        Subscribers may have missed messages during the outage.
        """
        if self.is_lost:
            log.info("websockets_relay_recovered")
        if self.is_lost or self.was_connected:
            self.hub.report_gap()
        self.is_lost, self.was_connected = False, True


@asynccontextmanager
async def relay_messages(hub: Hub, url: URL, name: str) -> AsyncGenerator[None, None]:
    """Send messages to other processes, and receive theirs, while the context is open."""
    pool = valkey.connection_pool(url)
    database = pool.connection_kwargs.get("db", 0)  # channels are shared by all databases
    channel = f"websockets:{name}:{database}"
    relay = PubSubRelay(hub, Redis(connection_pool=pool), channel)
    hub.relay = relay.put
    tasks = [asyncio.create_task(work()) for work in (relay.receive, relay.publish)]
    yield
    hub.relay = None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pool.aclose()
