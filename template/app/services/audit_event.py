"""Service for the audit log: record, search and purge security events.

An event is stored in the transaction of the change, so both are committed or neither. A failure,
such as a failed login, rolls back the request's transaction. It is stored afterwards, in a
transaction of its own.
"""

from collections import Counter
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import get_args
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.after_commit import after_commit
from app.database import objects
from app.filtering import Filters, at_least, at_most, conditions, equals, page_statements
from app.logging import current_request_id
from app.models.audit_event import AuditEvent
from app.models.base import now
from app.pagination import Slice
from app.schemas.audit_event import AuditEventQuery, AuditEventSort

# Failures that a process stores per minute, so that a flood of them does not fill the table.
MAX_FAILURES = 100
MAX_FAILURES_OF_ONE = 10  # of one caller, or of one client who is not authenticated
PURGE_BATCH = 100  # expired events that are deleted when an event is stored

PAGES = page_statements(select(AuditEvent), AuditEvent, get_args(AuditEventSort))
COUNT = select(func.count(AuditEvent.id))
FILTERS: Filters = {
    "action": equals(AuditEvent.action),
    "actor_id": equals(AuditEvent.actor_id),
    "target_type": equals(AuditEvent.target_type),
    "target_id": equals(AuditEvent.target_id),
    "request_id": equals(AuditEvent.request_id),
    "address": equals(AuditEvent.address),
    "created_at_from": at_least(AuditEvent.created_at),
    "created_at_to": at_most(AuditEvent.created_at),
}

Target = tuple[str, UUID | str]  # type and ID, such as `("user", user.id)`
Detail = str | int | bool | list[str] | None

log = structlog.get_logger()


class FailureLimit:
    """Limits how many failures a process stores per minute, in total and of one client."""

    def __init__(self) -> None:
        self.minute = 0
        self.stored: Counter[str] = Counter()
        self.suppressed = 0

    def allows(self, key: str) -> bool:
        """Count a failure; return whether to store it."""
        minute = int(monotonic() // 60)
        if minute != self.minute:
            self.minute = minute
            self.stored.clear()
        if self.stored.total() >= MAX_FAILURES or self.stored[key] >= MAX_FAILURES_OF_ONE:
            self.suppressed += 1
            return False
        self.stored[key] += 1
        return True

    def take_suppressed(self) -> dict[str, Detail]:
        """Return the number of failures that were not stored since the last call, if any."""
        number, self.suppressed = self.suppressed, 0
        return {"suppressed": number} if number else {}


@dataclass
class Origin:
    """The request that causes events, or the command if the fields are empty."""

    address: str | None = None
    client: str = ""  # the address, or the network of an IPv6 address
    actor_id: UUID | None = None
    actor_key: str | None = None
    limit: FailureLimit | None = None
    retention: timedelta | None = None
    failures: list[AuditEvent] = field(default_factory=list)  # to be stored after the request


ORIGIN: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def identify(actor_id: UUID, actor_key: str) -> None:
    """Set the authenticated caller as the actor of the request's events."""
    if origin := ORIGIN.get():
        origin.actor_id, origin.actor_key = actor_id, actor_key or None


async def record(
    session: AsyncSession, action: str, target: Target | None = None, /, **details: Detail
) -> None:
    """Store and log an event in the transaction of the change that it reports.

    Args:
        session: the session of the transaction; a rollback discards the event
        action: the kind of event, from `Action` or your own
        target: the affected account or row
        details: further fields, which must not be secrets or e-mail addresses
    """
    event = _event(action, target, details)
    await _store(session, [event])
    if structlog.is_configured():  # commands print their result only
        after_commit(session, partial(log.info, "audit_event", **_fields(event)))


def record_failure(action: str, target: Target | None = None, /, **details: Detail) -> None:
    """Log a failure, and store it after the request's transaction has ended.

    A process stores at most `MAX_FAILURES` per minute. Further failures are logged and counted, and
    the next stored failure has the count as `suppressed`.
    """
    event = _event(action, target, details)
    log.warning("audit_event", **_fields(event))
    origin = ORIGIN.get()
    if origin is None or origin.limit is None:
        return
    # The target is not counted: then the response would take another time if the account exists.
    if origin.limit.allows(str(event.actor_id or origin.client)):
        event.details |= origin.limit.take_suppressed()
        origin.failures.append(event)


async def store_failures(sessions: async_sessionmaker[AsyncSession], origin: Origin) -> None:
    """Store the failures of a request in one transaction; log an error if that fails."""
    events, origin.failures = origin.failures, []
    try:
        async with sessions.begin() as session:
            await _store(session, events)
    except (SQLAlchemyError, OSError) as error:
        log.error("audit_events_not_stored", number=len(events), error=type(error).__name__)  # noqa: TRY400 - no traceback of an outage


async def search(session: AsyncSession, query: AuditEventQuery) -> Slice[AuditEvent]:
    """Return one page of events and their total number."""
    where = conditions(query, FILTERS)
    page = PAGES[query.sort].where(*where)
    result = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(COUNT.where(*where))
    return Slice(objects(result), total or 0, query)


async def _store(session: AsyncSession, events: Sequence[AuditEvent]) -> None:
    """Add events, and purge some events that are older than the retention time."""
    session.add_all(events)
    await session.flush()
    origin = ORIGIN.get()
    if origin is None or origin.retention is None:
        return
    # SKIP LOCKED: concurrent purges delete other rows, and neither waits nor deadlocks.
    expired = (
        select(AuditEvent.id)
        .where(AuditEvent.created_at < now() - origin.retention)
        .order_by(AuditEvent.created_at)
        .limit(PURGE_BATCH)
        .with_for_update(skip_locked=True)
    )
    await session.execute(
        delete(AuditEvent)
        .where(AuditEvent.id.in_(expired))
        .execution_options(synchronize_session=False)
    )


def _event(action: str, target: Target | None, details: dict[str, Detail]) -> AuditEvent:
    origin = ORIGIN.get() or Origin()
    target_type, target_id = target or (None, None)
    return AuditEvent(
        action=str(action),
        actor_id=origin.actor_id,
        actor_key=origin.actor_key,
        target_type=target_type,
        target_id=None if target_id is None else str(target_id),
        request_id=current_request_id.get(),
        address=origin.address,
        details=details,
    )


def _fields(event: AuditEvent) -> dict[str, object]:
    """Return the fields of an event's log line; the logger adds the request ID."""
    names = ("action", "actor_key", "target_type", "target_id", "address", "details")
    fields = {name: getattr(event, name) for name in names}
    fields["actor_id"] = None if event.actor_id is None else str(event.actor_id)
    return {name: value for name, value in fields.items() if value not in (None, {})}
