"""Accounts of the service's own, in tests: passwords that are hashed at once, and tokens."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from app.auth.local.tokens import AuthSettings, Purpose, Signer
from app.models.password import Password
from app.models.user import User
from app.settings import read

PASSWORD = "correct horse battery staple"
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
HASHED = QUICK.hash(PASSWORD)
OPEN = {
    *("forgot_password", "login", "login_with_form", "logout", "read_keys", "refresh", "register"),
    *("reset_password", "verify"),
}  # routes that nobody has to be signed in for
KEYS = "for the tests; whoever reads them knows it"


@contextmanager
def configured() -> Generator[dict[str, str], None, None]:
    """Give the variables under which the tests run."""
    yield {"AUTH_KEYS": KEYS}


def token(user: User, **claims: Any) -> str:  # noqa: ANN401
    """Sign an access token, with some claims changed."""
    signer = Signer(read(AuthSettings))
    return signer.sign(str(user.id), Purpose.ACCESS, timedelta(minutes=15), **claims)


def credential(user: User) -> Password:
    """Make what a user signs in with."""
    return Password(user_id=user.id, hash=HASHED)
