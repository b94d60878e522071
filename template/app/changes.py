"""What a transaction changed in the database, told once it is committed.

Whoever wants to know subscribes when the service is built. Each flush is told by itself: a row that
changes twice in a transaction may be told of twice.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI
from sqlalchemy import event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from app.after_commit import after_commit
from app.state import StateKey

log = structlog.get_logger()


class Kind(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True)
class Change:
    """What became of a row, or of several at once, whose ids nobody knows then."""

    table: str
    kind: Kind
    id: UUID | None = None
    owner_id: UUID | None = None  # of rows that are somebody's own


Listener = Callable[[Sequence[Change]], None]
LISTENERS = StateKey[list[Listener]]("listeners")


def subscribe(app: FastAPI, listener: Listener) -> None:
    """Have a function called, which must not wait for anything, with what each commit changed."""
    LISTENERS.get(app).append(listener)


@event.listens_for(Session, "after_flush")
def _flushed(session: Session, _: UOWTransaction) -> None:
    _note(session, list(_rows(session)))


@event.listens_for(Session, "do_orm_execute")
def _executed(state: ORMExecuteState) -> None:
    """Note what a statement changes without loading it."""
    kinds = {
        Kind.CREATED: state.is_insert,
        Kind.UPDATED: state.is_update,
        Kind.DELETED: state.is_delete,
    }
    if state.bind_mapper is not None:
        table = str(state.bind_mapper.local_table)
        _note(state.session, [Change(table, kind) for kind, is_so in kinds.items() if is_so])


def _rows(session: Session) -> Iterator[Change]:
    for row in session.new:
        yield _change(row, Kind.CREATED)
    for row in session.dirty:
        if session.is_modified(row):
            is_gone = getattr(row, "deleted_at", None) is not None  # though it is kept
            yield _change(row, Kind.DELETED if is_gone else Kind.UPDATED)
    for row in session.deleted:
        yield _change(row, Kind.DELETED)


def _change(row: Any, kind: Kind) -> Change:  # noqa: ANN401 - of any model
    key = inspect(row).mapper.primary_key_from_instance(row)
    known = key[0] if len(key) == 1 else None
    return Change(row.__tablename__, kind, known, getattr(row, "owner_id", None))


def _note(session: Session, changes: list[Change]) -> None:
    app = session.info.get("app")
    if changes and app is not None and LISTENERS.get(app):
        after_commit(session, partial(_tell, app, changes))


def _tell(app: FastAPI, changes: list[Change]) -> None:
    for listener in LISTENERS.get(app):
        try:
            listener(changes)
        except Exception:
            log.exception("a change is not told")


def install(app: FastAPI) -> None:
    """Let other parts of the service subscribe."""
    LISTENERS.set(app, [])
