"""Subscribers: a connection's read access, and the queue of its messages."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import Error, Forbidden
from app.scope import Scope
from app.websockets.message import SLOW, Closing, Message
from app.websockets.settings import WebSocketSettings


@dataclass(frozen=True)
class ReadAccess:
    """A caller's name, with the rows that the caller may read in each channel."""

    caller: str
    scopes: Mapping[str, Scope]
    denied: type[Error] = Forbidden  # the error for other channels


class Subscriber:
    """A connection with a bounded queue.

    A consumer that is too slow is disconnected (backpressure).
    """

    def __init__(
        self, access: ReadAccess, channels: set[str] | None, since: str, config: WebSocketSettings
    ) -> None:
        self.access = access
        self.channels = channels  # None: every channel that the caller may read
        self.since = since  # id of the last message before the subscription
        self.limit = config.queue_limit
        self.due = asyncio.get_running_loop().time() + config.heartbeat
        self.queue: deque[Message] = deque()
        self.changed = asyncio.Event()
        self.ended: Closing | None = None
        self.sending: asyncio.Timeout | None = None  # aborts a send that the client does not read

    def subscribe(self, channel: str) -> bool:
        """Subscribe to a channel; return False if the caller may not read the channel."""
        if channel not in self.access.scopes:
            return False
        if self.channels is not None:
            self.channels.add(channel)
        return True

    def unsubscribe(self, channel: str) -> None:
        """Unsubscribe from a channel."""
        subscribed = set(self.access.scopes) if self.channels is None else self.channels
        self.channels = subscribed - {channel}

    def matches(self, message: Message) -> bool:
        """Return whether the subscriber may read a message and has subscribed to its channel."""
        scope = self.access.scopes.get(message.channel)
        if scope is None or (self.channels is not None and message.channel not in self.channels):
            return False
        return message.is_general or scope.includes(message.owner)

    def put(self, message: Message) -> None:
        """Enqueue a message; if the queue is full, disconnect the subscriber."""
        if self.ended:
            return
        if len(self.queue) >= self.limit:
            self.end(SLOW)
            return
        self.queue.append(message)
        self.changed.set()

    def end(self, closing: Closing) -> None:
        """Disconnect the subscriber, and abort the message that is being sent."""
        if self.ended:
            return
        self.ended = closing
        self.queue.clear()
        self.changed.set()
        if self.sending:
            self.sending.reschedule(asyncio.get_running_loop().time())

    async def next(self) -> Message | None:
        """Wait for the next message; return None once the subscriber is disconnected."""
        while not self.queue and not self.ended:
            self.changed.clear()
            await self.changed.wait()
        return self.queue.popleft() if self.queue else None
