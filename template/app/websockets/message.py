"""Messages to subscribers: which row changed, without its values; and close codes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.changes import Change

MANY = 100  # changes of one kind per commit, above which one message without ids replaces them


@dataclass(frozen=True)
class Closing:
    """The reason for closing a WebSocket: close code (RFC 6455, section 7.4) and text."""

    code: int
    reason: str


DISCONNECTED = Closing(1006, "")  # by the client
BINARY = Closing(1003, "text messages only")
MALFORMED = Closing(1007, "malformed message")
RESTART = Closing(1012, "service restart; reconnect")
SLOW = Closing(1013, "slow consumer; reconnect")
EXPIRED = Closing(4401, "credentials expired or revoked; log in again")


@dataclass
class Message:
    """A message in a channel: for all of its subscribers, or for those with the owner in scope."""

    channel: str
    text: str
    is_general: bool = True
    owner: UUID | None = None
    id: str = ""  # set when it is published

    def packed(self) -> dict[str, object]:
        """Return the message as other processes receive it; `room` is the channel."""
        owner = str(self.owner) if self.owner else None
        return {"room": self.channel, "text": self.text, "general": self.is_general, "owner": owner}

    @classmethod
    def unpacked(cls, content: dict[str, object]) -> "Message":
        """Parse a message of another process."""
        owner = UUID(str(content["owner"])) if content["owner"] else None
        return cls(str(content["room"]), str(content["text"]), bool(content["general"]), owner)


def reply(kind: str, **content: object) -> Message:
    """Return a message to a single subscriber about its subscription."""
    return Message("", to_json(type=kind, **content))


def to_json(**content: object) -> str:
    """Serialize JSON."""
    return orjson.dumps(content, default=_serialize).decode()


def _serialize(value: object) -> str:
    """Serialize a UUID of a database driver, which is a subclass."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def channel_of(table: str) -> str:
    """Return the channel of a table: the first path segment of its resource."""
    return table.replace("_", "-")


def messages(changes: Sequence[Change]) -> Iterator[Message]:
    """Yield a message per change; above `MANY` changes of one kind, one without an id."""
    counts = Counter((change.table, change.kind) for change in changes)
    many = {key for key, count in counts.items() if count > MANY}
    for table, kind in many:
        yield _message(Change(table, kind))
    for change in changes:
        if (change.table, change.kind) not in many:
            yield _message(change)


def _message(change: Change) -> Message:
    channel = channel_of(change.table)
    text = to_json(type=change.kind, resource=channel, id=change.id)
    return Message(channel, text, is_general=change.id is None, owner=change.owner_id)
