"""Sums of secrets, which are kept in their place."""

import hashlib


def digest(secret: str) -> str:
    """Sum up a secret that nobody can guess, by SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()
