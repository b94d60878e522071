"""What is told: which row changed, never what it holds; and how a socket is closed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.changes import Change

MANY = 100  # changes of one kind from which on a commit is told of by one message


@dataclass(frozen=True)
class Closing:
    """Why a socket is closed: a code (RFC 6455, section 7.4) and a few words."""

    code: int
    reason: str


GONE = Closing(1006, "")  # by the client
BINARY = Closing(1003, "send text")
UNREADABLE = Closing(1007, "send a message as the documentation has it")
RESTART = Closing(1012, "the service restarts; connect again")
SLOW = Closing(1013, "too slow; connect again")
VOID = Closing(4401, "what was shown is not valid any longer; sign in again")


@dataclass
class Message:
    """What is told in a room: to all that hear it, or only to those who hear what is somebody's."""

    room: str
    text: str
    is_general: bool = True
    owner: UUID | None = None
    id: str = ""  # set as it is told

    def packed(self) -> dict[str, object]:
        """Give what another process has to know."""
        owner = str(self.owner) if self.owner else None
        return {"room": self.room, "text": self.text, "general": self.is_general, "owner": owner}

    @classmethod
    def unpacked(cls, found: dict[str, object]) -> "Message":
        """Read what another process has packed."""
        owner = UUID(str(found["owner"])) if found["owner"] else None
        return cls(str(found["room"]), str(found["text"]), bool(found["general"]), owner)


def note(word: str, **more: object) -> Message:
    """Make a message about what is told, for single listeners."""
    return Message("", written(type=word, **more))


def written(**content: object) -> str:
    """Write JSON."""
    return orjson.dumps(content, default=_plain).decode()


def _plain(value: object) -> str:
    """Write a key that a database driver has made a kind of its own of."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError


def room_of(table: str) -> str:
    """Name the room in which the changes of a table are told: the last part of its path."""
    return table.replace("_", "-")


def about(changes: Sequence[Change]) -> Iterator[Message]:
    """Tell of changes; of many at once without their ids, so that nobody is flooded."""
    counts = Counter((change.table, change.kind) for change in changes)
    many = {what for what, count in counts.items() if count > MANY}
    for table, kind in many:
        yield _about(Change(table, kind))
    for change in changes:
        if (change.table, change.kind) not in many:
            yield _about(change)


def _about(change: Change) -> Message:
    room = room_of(change.table)
    text = written(type=change.kind, resource=room, id=change.id)
    return Message(room, text, is_general=change.id is None, owner=change.owner_id)
