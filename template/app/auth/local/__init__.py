"""Local accounts, whose passwords and tokens are managed by this service."""

from app.auth.local.accounts import bearer, find_user, install
from app.auth.local.invitations import inviter

__all__ = ["bearer", "find_user", "install", "inviter"]
