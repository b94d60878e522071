"""Response schema of sessions."""

from datetime import datetime
from uuid import UUID

from app.schemas.base import ReadSchema


class SessionRead(ReadSchema):
    """A session, which begins with a login and ends at logout, expiry or revocation."""

    id: UUID
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: bool = False
