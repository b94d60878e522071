"""Notices to users about changes of their accounts, so that they detect an account takeover."""

from dataclasses import dataclass
from enum import StrEnum


class NoticeKind(StrEnum):
    """Change of an account; its value is also the name of the e-mail template."""

    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - not a password
    EMAIL_CHANGED = "email_changed"


@dataclass(frozen=True)
class Notice:
    """A notice about a change of an account, without a token.

    The recipient is the address before the change, since an attacker may have chosen the new one.
    """

    to: str  # e-mail address
    kind: NoticeKind
