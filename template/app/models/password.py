"""Password hashes, in a separate table so that queries of users do not load them."""

from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class Password(Base):
    """A user's password hash, with its algorithm and parameters (PHC string format)."""

    __tablename__ = "passwords"

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    hash: Mapped[str] = mapped_column(String(200))

    def __repr__(self) -> str:
        """Return the user's ID, without the hash."""
        return f"Password({self.user_id})"
