"""Query parameters and response schema of the audit log."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.pagination import Paging
from app.schemas.base import Line, Moment, ReadSchema, Schema

AuditEventSort = Literal["-created_at", "created_at"]


class AuditEventRead(ReadSchema):
    """A security event, with its actor, its target and its request."""

    id: UUID
    action: str
    actor_id: UUID | None
    actor_key: str | None
    target_type: str | None
    target_id: str | None
    request_id: str | None
    address: str | None
    details: dict[str, Any]
    created_at: datetime


class AuditEventFilter(Schema):
    """Filters of the audit log; omitted filters match every event."""

    action: Line | None = None
    actor_id: UUID | None = None
    target_type: Line | None = None
    target_id: Line | None = None
    request_id: Line | None = None
    address: Line | None = None
    created_at_from: Moment | None = None
    created_at_to: Moment | None = None


class AuditEventQuery(AuditEventFilter, Paging):
    """Filters, sort order and page of the audit log."""

    sort: AuditEventSort = "-created_at"
