"""Messages to subscribers, and close codes of connections.

A message names the changed row, but does not contain its values.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.changes import Change

MANY = 100  # changes of one kind per commit; one message without IDs replaces more


@dataclass(frozen=True)
class Closing:
    """Reason for closing a WebSocket: close code (RFC 6455, section 7.4) and text."""

    code: int
    reason: str


DISCONNECTED = Closing(1006, "")  # the client disconnected
BINARY = Closing(1003, "text messages only")
MALFORMED = Closing(1007, "malformed message")
RESTART = Closing(1012, "service restart; reconnect")
SLOW = Closing(1013, "slow consumer; reconnect")
EXPIRED = Closing(4401, "credentials expired or revoked; log in again")


@dataclass
class Message:
    """A message in a channel, for all subscribers or for some of them.

    If it is not general, only subscribers who may read the owner's rows receive it.
    """

    channel: str
    text: str
    is_general: bool = True
    owner: UUID | None = None
    id: str = ""  # set when it is published

    def packed(self) -> dict[str, object]:
        """Return the message's fields, to send them to other processes.

        The field `room` is the name of the channel.
        """
        owner = str(self.owner) if self.owner else None
        return {"room": self.channel, "text": self.text, "general": self.is_general, "owner": owner}

    @classmethod
    def unpacked(cls, content: dict[str, object]) -> "Message":
        """Parse a message that another process sent."""
        owner = UUID(str(content["owner"])) if content["owner"] else None
        return cls(str(content["room"]), str(content["text"]), bool(content["general"]), owner)


def reply(kind: str, **content: object) -> Message:
    """Return a message that answers a single subscriber's request."""
    return Message("", to_json(type=kind, **content))


def to_json(**content: object) -> str:
    """Serialize keyword arguments as a JSON object."""
    return orjson.dumps(content, default=_serialize).decode()


def _serialize(value: object) -> str:
    """Serialize a UUID that a database driver returned as a subclass of `UUID`."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def channel_of(table: str) -> str:
    """Return the channel of a table: the table's name with hyphens.

    It is the first path segment of the table's resource.
    """
    return table.replace("_", "-")


def messages(changes: Sequence[Change]) -> Iterator[Message]:
    """Yield one message per change.

    More than `MANY` changes of one kind yield only one message, which has no ID.
    """
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
