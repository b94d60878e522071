"""Local accounts in tests: fast password hashes, and access tokens."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from secrets import token_hex
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.auth.local.tokens import AuthSettings, Purpose, Signer
from app.models.base import Base, now
from app.models.password import Password
from app.models.user import User
from app.models.user_session import UserSession
from app.settings import read

PASSWORD = "correct horse battery staple"
FAST_HASH = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
HASHED = FAST_HASH.hash(PASSWORD)
OPEN = {
    *("confirm_email", "forgot_password", "login", "login_with_form", "logout", "read_keys"),
    *("refresh", "register", "reset_password", "verify"),
}  # routes without authentication
KEYS = token_hex(32)


@contextmanager
def configured() -> Generator[dict[str, str], None, None]:
    """Yield the environment variables that configure local accounts in tests."""
    yield {"AUTH_KEYS": KEYS}


def token(user: User, **claims: Any) -> str:  # noqa: ANN401
    """Return an access token of a user, valid for 15 minutes.

    `claims` are further arguments of `Signer.sign`.
    """
    signer = Signer(read(AuthSettings))
    session_id = {"sid": str(user.id)}
    return signer.sign(str(user.id), Purpose.ACCESS, timedelta(minutes=15), **session_id | claims)


def credentials(user: User) -> list[Base]:
    """Return the rows of a user's password, which is `PASSWORD`, and of a session."""
    session = UserSession(
        id=user.id,
        user_id=user.id,
        user_voided_at=user.voided_at,
        user_agent="test",
        expires_at=now() + timedelta(hours=1),
    )
    return [Password(user_id=user.id, hash=HASHED), session]
