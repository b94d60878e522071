"""Hub that broadcasts messages to all subscribers of a process (fan-out)."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated
from uuid import UUID, uuid4

import structlog
from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app import errors
from app.after_commit import after_commit
from app.changes import Change
from app.state import StateKey
from app.websockets.channels import Channel, Channels
from app.websockets.message import RESTART, Message, messages, reply, to_json
from app.websockets.settings import WebSocketSettings
from app.websockets.subscriber import ReadAccess, Subscriber

log = structlog.get_logger()

Authorize = Callable[[HTTPConnection, Channels], Awaitable[ReadAccess]]
Relay = Callable[[Message], None]


class TooManySockets(errors.Error):
    """The caller has too many connections open."""

    status, code, title = 429, "too_many_sockets", "Too Many Requests"
    headers: Mapping[str, str] = {"Retry-After": "60"}


class Hub:
    """Publishes messages to the subscribers of this process and of other processes."""

    authorize: Authorize  # set by `anonymous` or `token_auth`

    def __init__(self, config: WebSocketSettings, origins: Sequence[str]) -> None:
        self.config = config
        self.origins = origins
        self.channels: dict[str, Channel] = {}
        self.subscribers: set[Subscriber] = set()
        self.callers: Counter[str] = Counter()
        self.name = uuid4().hex[:12]
        self.number = 0  # number of the last message
        self.recent: deque[Message] = deque(maxlen=config.queue_limit)
        self.relay: Relay | None = None
        self.is_closed = False

    def open(self, channel: str) -> None:
        """Open a channel in which the service can send messages.

        Every client may subscribe to it.
        """
        self.channels.setdefault(channel, Channel(is_resource=False))

    def send(
        self,
        channel: str,
        data: object,
        session: AsyncSession | None = None,
        to: UUID | None = None,
    ) -> None:
        """Send JSON data to the subscribers of a channel.

        With a session, send the message after the session commits.

        Args:
            channel: an open channel
            data: JSON-serializable content
            session: the message is discarded if its transaction is rolled back
            to: the only user who receives it

        Raises:
            LookupError: the channel is not open.
        """
        if channel not in self.channels:
            error = f"Channel {channel} does not exist; open it with `hub.open({channel!r})`."
            raise LookupError(error)
        text = to_json(type="message", resource=channel, data=data)
        message = Message(channel, text, is_general=to is None, owner=to)
        if session is None:
            self.publish(message)
        else:
            after_commit(session, partial(self.publish, message))

    def publish_changes(self, changes: Sequence[Change]) -> None:
        """Publish the changes of a commit in the channels of their tables."""
        for message in messages(changes):
            if message.channel in self.channels:
                self.publish(message)

    def publish(self, message: Message) -> None:
        """Publish a message to the subscribers of all processes."""
        self.deliver(message)
        if self.relay:
            self.relay(message)

    def deliver(self, message: Message) -> None:
        """Enqueue a message for each subscriber of this process."""
        self.number += 1
        message.id = self.message_id()
        self.recent.append(message)
        for subscriber in self.subscribers:
            if subscriber.matches(message):
                subscriber.put(message)

    def report_gap(self) -> None:
        """Send `missed` to every subscriber, because messages were lost.

        Clients then read the resources again.
        """
        self.recent.clear()
        self.number += 1
        for subscriber in self.subscribers:
            subscriber.put(reply("missed"))

    def message_id(self, number: int | None = None) -> str:
        """Return a message's ID: the name of this process's hub, and a number.

        By default, return the ID of the last message.
        """
        return f"{self.name}-{self.number if number is None else number}"

    def resume(self, subscriber: Subscriber, last: str) -> None:
        """Enqueue the messages that a client has missed since its last message.

        If this last message is unknown, enqueue `missed` instead.
        """
        first = self.number - len(self.recent)
        offsets = {
            self.message_id(number): number - first for number in range(first, self.number + 1)
        }
        if last not in offsets:
            subscriber.put(reply("missed"))
            return
        subscriber.since = last
        subscriber.queue.clear()
        for message in list(self.recent)[offsets[last] :]:
            if subscriber.matches(message):
                subscriber.put(message)

    @contextmanager
    def subscribing(
        self, access: ReadAccess, channels: set[str] | None
    ) -> Generator[Subscriber, None, None]:
        """Register a subscriber while the context is open.

        Raises:
            TooManySockets: the caller has reached the limit of connections.
            Unavailable: the process has reached its limit, or shuts down.
        """
        if self.is_closed or len(self.subscribers) >= self.config.limit:
            message = "Too many connections. Retry later."
            raise errors.Unavailable(message)
        if self.callers[access.caller] >= self.config.caller_limit:
            message = f"Limit of {self.config.caller_limit} connections per caller reached."
            raise TooManySockets(message)
        subscriber = Subscriber(access, channels, self.message_id(), self.config)
        self.subscribers.add(subscriber)
        self.callers[access.caller] += 1
        try:
            yield subscriber
        finally:
            self.subscribers.discard(subscriber)
            if subscriber.ended:
                code = subscriber.ended.code
                log.info("subscriber_disconnected", code=code, caller=access.caller)
            self.callers[access.caller] -= 1
            if not self.callers[access.caller]:
                del self.callers[access.caller]

    def close(self) -> None:
        """Disconnect all subscribers, which then reconnect to another process."""
        self.is_closed = True
        for subscriber in self.subscribers:
            subscriber.end(RESTART)


HUB = StateKey[Hub]("hub")


async def hub(connection: HTTPConnection) -> Hub:
    """Return the hub of this process (a dependency)."""
    return HUB.get(connection.app)


Sockets = Annotated[Hub, Depends(hub)]
