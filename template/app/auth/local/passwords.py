"""Passwords, hashed by Argon2id (RFC 9106): away from the event loop, a few at a time."""

from base64 import b64encode

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

AT_ONCE = 2  # each takes 64 MiB

_hashes = PasswordHash((Argon2Hasher(),))
_limiter = CapacityLimiter(AT_ONCE)


async def hash_password(password: str) -> str:
    """Hash a password, to be kept."""
    return await to_thread.run_sync(_hashes.hash, password, limiter=_limiter)


async def verify_password(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Compare a password with the hash that is kept of it; give a new one where that is outdated.

    Where none is kept, the work is the same, so that time tells nobody whether there is a user.
    """
    right, renewed = await to_thread.run_sync(
        _hashes.verify_and_update, password, kept or _nobodys(), limiter=_limiter
    )
    return right and kept is not None, renewed


def _nobodys() -> str:
    """Make a hash that takes as long as any, and that no password has."""
    hasher = Argon2Hasher()._hasher  # noqa: SLF001 - its settings have no other name
    salt, summed = (b64encode(bytes(size)).decode().rstrip("=") for size in (16, hasher.hash_len))
    settings = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${settings}${salt}${summed}"
