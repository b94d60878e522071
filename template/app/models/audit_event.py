"""Audit log: security events, such as logins and changes of roles."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Identified, now

MAX_ADDRESS = 45  # characters of an IPv6 address that contains an IPv4 address


class Action(StrEnum):
    """Names of security events, from the OWASP Logging Vocabulary.

    The column accepts other names too, so you can record events of your own.
    """

    LOGIN = "authn_login_success"
    LOGIN_FAILED = "authn_login_fail"
    PASSWORD_CHANGED = "authn_password_change"  # noqa: S105 - not a password
    PASSWORD_CHANGE_FAILED = "authn_password_change_fail"  # noqa: S105
    KEY_CREATED = "authn_token_created"
    KEY_REVOKED = "authn_token_revoked"
    TOKEN_REUSED = "authn_token_reuse"  # noqa: S105
    SESSION_ENDED = "session_expired"
    ACCESS_DENIED = "authz_fail"
    ROLES_CHANGED = "authz_change"  # of a user
    PERMISSIONS_CHANGED = "privilege_permissions_changed"  # of a role
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    USER_DELETED = "user_deleted"


class AuditEvent(Identified, Base):
    """A security event: who did what to whom or to what, and by which request.

    Actor and target are IDs without foreign keys, so the event remains after an account is deleted.
    """

    __tablename__ = "audit_events"

    action: Mapped[str] = mapped_column(String(60), index=True)
    actor_id: Mapped[UUID | None] = mapped_column(index=True)  # the authenticated user
    actor_key: Mapped[str | None] = mapped_column(String(16))  # prefix of the user's API key
    target_type: Mapped[str | None] = mapped_column(String(40))  # such as `user` or `role`
    target_id: Mapped[str | None] = mapped_column(String(80), index=True)
    request_id: Mapped[str | None] = mapped_column(String(128))
    address: Mapped[str | None] = mapped_column(String(MAX_ADDRESS))  # of the client
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
