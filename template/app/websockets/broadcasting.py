"""The hub of this process: who listens, and what they are told."""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated
from uuid import UUID, uuid4

import structlog
from fastapi import Depends
from fastapi.dependencies.models import Dependant
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from app import errors
from app.after_commit import after_commit
from app.changes import Change
from app.websockets.chosen import WebSocketSettings
from app.websockets.listener import Ears, Listener
from app.websockets.message import RESTART, Message, about, note, written

log = structlog.get_logger()

Rooms = Mapping[str, Sequence[Dependant]]  # each with those routes that show what it tells of
Audience = Callable[[HTTPConnection, Rooms], Awaitable[Ears]]
Pass = Callable[[Message], None]


class TooManySockets(errors.Error):
    """The caller listens by too many sockets already."""

    status, code, title = 429, "too_many_sockets", "Too Many Requests"
    headers: Mapping[str, str] = {"Retry-After": "60"}


class Hub:
    """Tells what happens to all who listen here, and hands it on to other processes."""

    audience: Audience  # which says what somebody hears; another part's to know

    def __init__(self, chosen: WebSocketSettings, origins: Sequence[str]) -> None:
        self.chosen = chosen
        self.origins = origins
        self.rooms: dict[str, Sequence[Dependant]] = {}
        self.listeners: set[Listener] = set()
        self.callers: Counter[str] = Counter()
        self.name = uuid4().hex[:12]
        self.number = 0  # of the last message
        self.recent: deque[Message] = deque(maxlen=chosen.queue_limit)
        self.pass_on: Pass | None = None
        self.is_closed = False

    def open(self, room: str) -> None:
        """Have a room beside those of resources, which everybody who may listen hears."""
        self.rooms.setdefault(room, ())

    def send(
        self,
        room: str,
        data: object,
        session: AsyncSession | None = None,
        to: UUID | None = None,
    ) -> None:
        """Tell something in a room, once what the session has done is committed.

        `data` is what JSON can write; `to` is a user, if nobody else is to hear it.

        Raises:
            LookupError: there is no such room.
        """
        if room not in self.rooms:
            message = f"There is no room {room}; open it first."
            raise LookupError(message)
        text = written(type="message", resource=room, data=data)
        sent = Message(room, text, is_general=to is None, owner=to)
        if session is None:
            self.publish(sent)
        else:
            after_commit(session, partial(self.publish, sent))

    def changed(self, changes: Sequence[Change]) -> None:
        """Tell what a commit changed."""
        for message in about(changes):
            if message.room in self.rooms:
                self.publish(message)

    def publish(self, message: Message) -> None:
        """Tell something here, and have the other processes tell it."""
        self.tell(message)
        if self.pass_on:
            self.pass_on(message)

    def tell(self, message: Message) -> None:
        """Tell something to those who listen here."""
        self.number += 1
        message.id = self.mark()
        self.recent.append(message)
        for listener in self.listeners:
            if listener.hears(message):
                listener.put(message)

    def missed(self) -> None:
        """Have everybody who listens here read again what they show."""
        self.recent.clear()
        self.number += 1
        for listener in self.listeners:
            listener.put(note("missed"))

    def mark(self, number: int | None = None) -> str:
        """Name a message of this process."""
        return f"{self.name}-{self.number if number is None else number}"

    def resume(self, listener: Listener, last: str) -> None:
        """Have a listener told what came after a message; or that it is not known any more."""
        first = self.number - len(self.recent)
        known = {self.mark(number): number - first for number in range(first, self.number + 1)}
        if last not in known:
            listener.put(note("missed"))
            return
        listener.since = last
        listener.waiting.clear()
        for message in list(self.recent)[known[last] :]:
            if listener.hears(message):
                listener.put(message)

    @contextmanager
    def listening(self, ears: Ears, rooms: set[str] | None) -> Generator[Listener, None, None]:
        """Let somebody listen.

        Raises:
            TooManySockets: they listen often enough.
            Unavailable: there is no room for more, or the process stops.
        """
        if self.is_closed or len(self.listeners) >= self.chosen.limit:
            message = "Nobody else can listen here now."
            raise errors.Unavailable(message)
        if self.callers[ears.caller] >= self.chosen.caller_limit:
            message = f"One caller may listen {self.chosen.caller_limit} times."
            raise TooManySockets(message)
        listener = Listener(ears, rooms, self.mark(), self.chosen)
        self.listeners.add(listener)
        self.callers[ears.caller] += 1
        try:
            yield listener
        finally:
            self.listeners.discard(listener)
            if listener.ended:
                log.info("a listener goes", code=listener.ended.code, caller=ears.caller)
            self.callers[ears.caller] -= 1
            if not self.callers[ears.caller]:
                del self.callers[ears.caller]

    def close(self) -> None:
        """Let everybody go, to connect again elsewhere."""
        self.is_closed = True
        for listener in self.listeners:
            listener.end(RESTART)


async def hub(connection: HTTPConnection) -> Hub:
    """Give the hub of this process."""
    found: Hub = connection.app.state.hub
    return found


Sockets = Annotated[Hub, Depends(hub)]
