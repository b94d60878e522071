"""Accounts at an OpenID Connect provider, whose tokens this service verifies."""

from app.auth.oidc.accounts import bearer, find_user, install
from app.auth.oidc.invitations import inviter

__all__ = ["bearer", "find_user", "install", "inviter"]
