"""Sessions of users, each of which begins with a login."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified, now

MAX_USER_AGENT = 200  # characters; the rest is cut off


class UserSession(Identified, Base):
    """A session: all access and refresh tokens that follow from one login.

    A revocation of the user's tokens changes `User.voided_at`, and so ends every session that
    stores another value. The comparison is for equality, so it does not depend on clocks.
    """

    __tablename__ = "user_sessions"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    user_voided_at: Mapped[datetime | None]  # `User.voided_at` at the login
    user_agent: Mapped[str] = mapped_column(String(MAX_USER_AGENT))
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)
