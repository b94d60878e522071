"""Change events, which report created, updated and deleted rows after each commit.

Parts of the service subscribe while the application is created. Events are collected at each flush,
so a row that changes twice in a transaction may cause two events.
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
from app.constraints import references
from app.state import StateKey

log = structlog.get_logger()


class Kind(StrEnum):
    """Kind of change: a row was created, updated or deleted."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True)
class Change:
    """Change of one row, or of an unknown number of rows if `id` is None."""

    table: str
    kind: Kind
    id: UUID | None = None
    owner_id: UUID | None = None  # only in tables whose rows have an owner


Listener = Callable[[Sequence[Change]], None]
LISTENERS = StateKey[list[Listener]]("listeners")


def subscribe(app: FastAPI, listener: Listener) -> None:
    """Register a listener to call after each commit.

    The listener must not block.
    """
    LISTENERS.get(app).append(listener)


@event.listens_for(Session, "after_flush")
def _after_flush(session: Session, _: UOWTransaction) -> None:
    _publish_after_commit(session, list(_flushed_rows(session)))


@event.listens_for(Session, "do_orm_execute")
def _on_execute(state: ORMExecuteState) -> None:
    """Record bulk statements, such as `update(Model)`, which load no rows into the session."""
    is_soft_delete = state.execution_options.get("is_soft_delete", False)
    kinds = {
        Kind.CREATED: state.is_insert,
        Kind.UPDATED: state.is_update and not is_soft_delete,
        Kind.DELETED: state.is_delete or is_soft_delete,
    }
    if state.bind_mapper is not None:
        table = str(state.bind_mapper.local_table)
        changes = [Change(table, kind) for kind, is_kind in kinds.items() if is_kind]
        if state.is_delete:
            changes += changes_by_database(state.bind_mapper.local_table)
        _publish_after_commit(state.session, changes)


def _flushed_rows(session: Session) -> Iterator[Change]:
    for row in session.new:
        yield _change(row, Kind.CREATED)
    for row in session.dirty:
        if session.is_modified(row):
            is_soft_deleted = getattr(row, "deleted_at", None) is not None
            yield _change(row, Kind.DELETED if is_soft_deleted else Kind.UPDATED)
    for row in session.deleted:
        yield _change(row, Kind.DELETED)
    for table in dict.fromkeys(inspect(row).mapper.local_table for row in session.deleted):
        yield from changes_by_database(table)


def changes_by_database(table: Any) -> Iterator[Change]:  # noqa: ANN401 - a table of a mapper
    """Yield the changes of unknown rows by ON DELETE, if rows of a table are deleted."""
    kinds = {"CASCADE": Kind.DELETED, "SET NULL": Kind.UPDATED}
    keys = [(key.parent.table.name, str(key.ondelete)) for key in references(table)]
    for name, rule in dict.fromkeys(keys):
        if rule in kinds:
            yield Change(name, kinds[rule])


def _change(row: Any, kind: Kind) -> Change:  # noqa: ANN401 - of any model
    key = inspect(row).mapper.primary_key_from_instance(row)
    row_id = key[0] if len(key) == 1 else None
    return Change(row.__tablename__, kind, row_id, getattr(row, "owner_id", None))


def _publish_after_commit(session: Session, changes: list[Change]) -> None:
    app = session.info.get("app")
    if changes and app is not None and LISTENERS.get(app):
        after_commit(session, partial(_publish, app, changes))


def _publish(app: FastAPI, changes: list[Change]) -> None:
    for listener in LISTENERS.get(app):
        try:
            listener(changes)
        except Exception:
            log.exception("change_listener_failed")


def install(app: FastAPI) -> None:
    """Store an empty list of change listeners in `app.state`.

    Call this function before `subscribe`.
    """
    LISTENERS.set(app, [])
