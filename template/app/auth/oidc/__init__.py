"""Accounts of an OpenID Connect provider, which issues the tokens that this service verifies."""

from app.auth.oidc.accounts import bearer, find_user, install

__all__ = ["bearer", "find_user", "install"]
