"""What happens once a transaction is committed, and does not where it is rolled back."""

from collections.abc import Callable

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

KEY = "after_commit"  # in a session's `info`

Call = Callable[[], None]
Waiting = list[tuple[SessionTransaction | None, Call]]  # each with the savepoint that it stands in

log = structlog.get_logger()


def after_commit(session: AsyncSession | Session, call: Call) -> None:
    """Call a function, which must not wait for anything, once all is committed.

    It is not called where the transaction, or the savepoint in which this was asked for, is rolled
    back. What it raises is logged: nothing can be undone any more.
    """
    inner = session.sync_session if isinstance(session, AsyncSession) else session
    if KEY not in inner.info:
        inner.info[KEY] = Waiting()
        event.listen(inner, "after_commit", _committed)
        event.listen(inner, "after_soft_rollback", _rolled_back)
    inner.info[KEY].append((inner.get_nested_transaction(), call))


def _committed(session: Session) -> None:
    """Call all that wait; at the end of a savepoint, they wait for what is around it."""
    waiting: Waiting = session.info[KEY]
    savepoint = session.get_nested_transaction()
    if savepoint is not None:
        around = savepoint.parent if savepoint.parent and savepoint.parent.nested else None
        session.info[KEY] = [(around if at is savepoint else at, call) for at, call in waiting]
        return
    session.info[KEY] = Waiting()
    for _, call in waiting:
        try:
            call()
        except Exception:
            log.exception("what follows a commit failed")


def _rolled_back(session: Session, previous: SessionTransaction) -> None:
    """Forget what waits for what is no more."""
    waiting: Waiting = session.info[KEY]
    kept = [(at, call) for at, call in waiting if previous.nested and at is not previous]
    session.info[KEY] = kept
