"""Local accounts, whose passwords and tokens are managed by this service."""

from app.auth.local.accounts import bearer, find_user, install

__all__ = ["bearer", "find_user", "install"]
