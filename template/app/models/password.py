"""Passwords, as they are kept: hashed, and apart from their users."""

from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Password(Base):
    """What a user signs in with; the hash tells how it was made."""

    __tablename__ = "passwords"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(200))

    def __repr__(self) -> str:
        """Tell whose it is."""
        return f"Password({self.user_id})"
