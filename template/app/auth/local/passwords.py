"""Password hashing with Argon2id (RFC 9106), in a limited number of threads.

The queue of hashes is bounded: further requests get 503 instead of waiting.
"""

from base64 import b64encode
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.errors import Unavailable

# The second recommended option of RFC 9106, section 4. Hashes with other parameters are replaced
# at the next login.
TIME_COST = 3  # iterations
MEMORY_COST = 65_536  # KiB
PARALLELISM = 4  # threads
SALT_LENGTH = 16  # bytes
HASH_LENGTH = 32  # bytes
MAX_CONCURRENCY = 2  # hashes that are computed at the same time: each takes 64 MiB

_password_hash = PasswordHash(
    (Argon2Hasher(TIME_COST, MEMORY_COST, PARALLELISM, HASH_LENGTH, SALT_LENGTH),)
)
_limiter = CapacityLimiter(MAX_CONCURRENCY)


@dataclass
class Queue:
    """The queue of hashes that wait for a thread."""

    max_waiting: int = 32


queue = Queue()


def waiting() -> int:
    """Return the number of hashes that wait for a thread."""
    return _limiter.statistics().tasks_waiting


def require_capacity() -> None:
    """Check that another hash may wait for a thread.

    Raises:
        Unavailable: the queue is full.
    """
    if waiting() >= queue.max_waiting:
        message = "Too many passwords are being verified. Retry the request."
        raise Unavailable(message)


async def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with a random salt.

    Raises:
        Unavailable: too many hashes wait already.
    """
    require_capacity()
    return await to_thread.run_sync(_password_hash.hash, password, limiter=_limiter)


async def verify_password(password: str, password_hash: str | None) -> tuple[bool, str | None]:
    """Return whether a password matches its hash, and a new hash if the parameters are outdated.

    Without a hash, as for an unknown user, verify a dummy hash. The response then takes as long, so
    a timing attack does not reveal which accounts exist.

    Raises:
        Unavailable: too many hashes wait already.
    """
    require_capacity()
    matches, new_hash = await to_thread.run_sync(
        _password_hash.verify_and_update, password, password_hash or DUMMY_HASH, limiter=_limiter
    )
    return matches and password_hash is not None, new_hash


def _dummy_hash() -> str:
    """Return a hash that matches no password, but takes as long to verify as a real one.

    The hash has the PHC string format.
    """
    salt, tag = (
        b64encode(bytes(length)).decode().rstrip("=") for length in (SALT_LENGTH, HASH_LENGTH)
    )
    return f"$argon2id$v=19$m={MEMORY_COST},t={TIME_COST},p={PARALLELISM}${salt}${tag}"


DUMMY_HASH = _dummy_hash()
