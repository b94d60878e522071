"""Functions that run after a transaction commits, and never after a rollback."""

from collections.abc import Callable

import structlog
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

KEY = "after_commit"  # in a session's `info`

Hook = Callable[[], None]
Hooks = list[tuple[SessionTransaction | None, Hook]]  # with the savepoint that it belongs to

log = structlog.get_logger()


def after_commit(session: AsyncSession | Session, hook: Hook) -> None:
    """Register a function to call after the transaction commits.

    The function must not block.

    A rollback of the transaction or the current savepoint discards the function. Its exceptions are
    logged, since the commit cannot be undone.
    """
    inner = session.sync_session if isinstance(session, AsyncSession) else session
    if KEY not in inner.info:
        inner.info[KEY] = Hooks()
        event.listen(inner, "after_commit", _on_commit)
        event.listen(inner, "after_soft_rollback", _on_rollback)
    inner.info[KEY].append((inner.get_nested_transaction(), hook))


def _on_commit(session: Session) -> None:
    """Call the functions that `after_commit` registered in the committed transaction.

    At the end of a savepoint, pass them to the enclosing transaction instead.
    """
    hooks: Hooks = session.info[KEY]
    savepoint = session.get_nested_transaction()
    if savepoint is not None:
        parent = savepoint.parent if savepoint.parent and savepoint.parent.nested else None
        session.info[KEY] = [(parent if at is savepoint else at, hook) for at, hook in hooks]
        return
    session.info[KEY] = Hooks()
    for _, hook in hooks:
        try:
            hook()
        except Exception:
            log.exception("after_commit_hook_failed")


def _on_rollback(session: Session, previous: SessionTransaction) -> None:
    """Discard the functions registered in a transaction or savepoint that was rolled back."""
    hooks: Hooks = session.info[KEY]
    session.info[KEY] = [each for each in hooks if previous.nested and each[0] is not previous]
