"""Users and their roles, as they are kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, and_
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Identified, Timestamped, now

EVERYTHING = "*"  # the permission to do anything


class Role(Identified, Timestamped, Base):
    """A name for what some users may do; permissions are words such as `products:write`."""

    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(String(40), unique=True)
    permissions: Mapped[list[str]] = mapped_column(JSON)


class User(Identified, Timestamped, Base):
    """Somebody who can sign in."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(320), unique=True)
    verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]  # whatever token was given before is void
    role_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("roles.id", ondelete="RESTRICT"), index=True
    )

    role: Mapped[Role | None] = relationship(lazy="raise")

    @hybrid_property
    def is_active(self) -> bool:
        """Whether they may sign in, and what they were given is good."""
        return self.deleted_at is None and self.disabled_at is None

    @is_active.inplace.expression
    @classmethod
    def _is_active(cls) -> ColumnElement[bool]:
        return and_(cls.deleted_at.is_(None), cls.disabled_at.is_(None))

    def __repr__(self) -> str:
        """Tell the key, and nothing that a log must not hold."""
        return f"User({self.id})"

    def issued(self) -> datetime:
        """Tell the time of a token that is given now, after all that is void by any clock."""
        return max(now(), self.voided_at or now())

    def has_voided(self, issued: datetime) -> bool:
        """Say whether a token of that time is void, though it has not expired."""
        return self.voided_at is not None and issued < self.voided_at

    def may(self, permission: str) -> bool:
        """Say whether the role allows it."""
        return self.role is not None and not {permission, EVERYTHING}.isdisjoint(
            self.role.permissions
        )
