"""Local accounts: passwords, access and refresh tokens, issued and verified by this service."""

from app.auth.local.accounts import bearer, find_user, install

__all__ = ["bearer", "find_user", "install"]
