"""Users and roles (role-based access control)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import JSON, ColumnElement, ForeignKey, String, and_
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Base, Identified, Timestamped, now

EVERYTHING = "*"  # wildcard that grants every permission


class Role(Identified, Timestamped, Base):
    """A role: a named set of permissions, such as `products:write`."""

    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(String(40), unique=True)
    permissions: Mapped[list[str]] = mapped_column(JSON)


class UserRole(Base):
    """The assignment of a role to a user; a user may have several roles.

    The revision that creates the table copies the roles from the column `users.role_id`.
    """

    __tablename__ = "user_roles"
    __table_args__ = (
        {
            "info": {
                "filled_by": "SELECT id, role_id FROM users "
                "WHERE role_id IS NOT NULL AND deleted_at IS NULL"
            }
        },
    )

    user_id: Mapped[UUID] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role_id: Mapped[UUID] = mapped_column(
        ForeignKey("roles.id", ondelete="RESTRICT"), primary_key=True, index=True
    )


class User(Identified, Timestamped, Base):
    """A user account, whose row remains after deletion (soft delete).

    No other user can have the e-mail address of a deleted user.
    """

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str | None] = mapped_column(String(100))
    verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]  # tokens that were issued before are revoked
    # Deprecated: `user_roles` replaces it. Processes of the last release read it (rolling update).
    role_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("roles.id", ondelete="RESTRICT"), index=True
    )

    roles: Mapped[list[Role]] = relationship(
        secondary="user_roles", order_by=Role.name, lazy="raise"
    )

    @hybrid_property
    def is_active(self) -> bool:
        """Whether the user may log in, being neither disabled nor deleted."""
        return self.deleted_at is None and self.disabled_at is None

    @is_active.inplace.expression
    @classmethod
    def _is_active(cls) -> ColumnElement[bool]:
        return and_(cls.deleted_at.is_(None), cls.disabled_at.is_(None))

    def __repr__(self) -> str:
        """Return the user's ID only, since logs contain this text."""
        return f"User({self.id})"

    def revoke_tokens(self) -> None:
        """Revoke the tokens that were issued so far, by a time later than the last revocation's.

        The last revocation may have the time of another machine, whose clock is ahead (clock skew).
        """
        last = self.voided_at or now()
        self.voided_at = max(now(), last + timedelta.resolution)

    def has_revoked(self, issued_at: datetime) -> bool:
        """Return whether tokens that were issued at a given time are revoked."""
        return self.voided_at is not None and issued_at < self.voided_at

    @property
    def permissions(self) -> frozenset[str]:
        """The effective permissions: those of all of the user's roles."""
        return frozenset().union(*(role.permissions for role in self.roles))

    @property
    def role_names(self) -> list[str]:
        """The names of the user's roles."""
        return [role.name for role in self.roles]

    def may(self, permission: str) -> bool:
        """Return whether one of the user's roles grants a permission."""
        return not self.permissions.isdisjoint({permission, EVERYTHING})

    def holds(self, permissions: Iterable[str]) -> bool:
        """Return whether the user has all of the permissions, and so may grant and revoke them."""
        return all(map(self.may, permissions))
