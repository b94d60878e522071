"""Route to read the audit log. No route changes or deletes events."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.auth import require_permission
from app.database import ReadSession
from app.links import Links
from app.models.audit_event import AuditEvent
from app.pagination import Page, Slice
from app.schemas.audit_event import AuditEventQuery, AuditEventRead
from app.services import audit_event as audit_events

READ = require_permission("audit:read")

router = APIRouter(prefix="/audit", tags=["audit"])


@router.get("", response_model=Page[AuditEventRead], dependencies=[READ])
async def list_audit_events(
    session: ReadSession, query: Annotated[AuditEventQuery, Query()], links: Links
) -> Slice[AuditEvent]:
    """List security events, newest first, with filters and pagination."""
    return links.pages(await audit_events.search(session, query))
