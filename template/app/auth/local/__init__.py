"""Local accounts: this service stores their passwords, and signs and verifies their tokens."""

from app.auth.local.accounts import bearer, find_user, install

__all__ = ["bearer", "find_user", "install"]
