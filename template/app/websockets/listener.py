"""A listener: one socket or stream, what it hears, and what waits to be sent to it."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.websockets.chosen import WebSocketSettings
from app.websockets.message import SLOW, Closing, Message


@dataclass(frozen=True)
class Ears:
    """Who listens, and whose rows they hear of in each room: everybody's (None), or their own."""

    caller: str
    reach: Mapping[str, UUID | None]


class Listener:
    """What waits for one who listens; who takes nothing is let go rather than waited for."""

    def __init__(
        self, ears: Ears, rooms: set[str] | None, since: str, chosen: WebSocketSettings
    ) -> None:
        self.ears = ears
        self.rooms = rooms  # that are asked for; else all
        self.since = since  # the last message before the first
        self.limit = chosen.queue_limit
        self.due = asyncio.get_running_loop().time() + chosen.heartbeat
        self.waiting: deque[Message] = deque()
        self.woken = asyncio.Event()
        self.ended: Closing | None = None
        self.sending: asyncio.Timeout | None = None  # which ends what never would

    def subscribe(self, room: str) -> bool:
        """Hear a room, and say whether that may be."""
        if room not in self.ears.reach:
            return False
        if self.rooms is not None:
            self.rooms.add(room)
        return True

    def unsubscribe(self, room: str) -> None:
        """Hear a room no longer."""
        self.rooms = (set(self.ears.reach) if self.rooms is None else self.rooms) - {room}

    def hears(self, message: Message) -> bool:
        """Say whether a message is for this listener."""
        room, reach = message.room, self.ears.reach
        if room not in reach or (self.rooms is not None and room not in self.rooms):
            return False
        return message.is_general or reach[room] is None or reach[room] == message.owner

    def put(self, message: Message) -> None:
        """Have a message sent, unless too many wait already."""
        if self.ended:
            return
        if len(self.waiting) >= self.limit:
            self.end(SLOW)
            return
        self.waiting.append(message)
        self.woken.set()

    def end(self, closing: Closing) -> None:
        """Send nothing more, even if something is being sent."""
        if self.ended:
            return
        self.ended = closing
        self.waiting.clear()
        self.woken.set()
        if self.sending:
            self.sending.reschedule(asyncio.get_running_loop().time())

    async def next(self) -> Message | None:
        """Wait for a message; there is none any more once all is over."""
        while not self.waiting and not self.ended:
            self.woken.clear()
            await self.woken.wait()
        return self.waiting.popleft() if self.waiting else None
