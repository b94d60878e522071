"""Local accounts in tests: fast password hashes, and access tokens."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from secrets import token_hex
from typing import Any

from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local.notices import Notice
from app.auth.local.one_time_links import LINK_SENDER, OneTimeLink
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


class LinkRecorder(list[OneTimeLink]):
    """Link sender that records one-time links and notices."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[Notice] = []

    def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
        """Record a link."""
        _ = session
        self.append(link)

    def notify(self, notice: Notice, session: AsyncSession) -> None:
        """Record a notice."""
        _ = session
        self.notices.append(notice)


@contextmanager
def recorded_links(app: FastAPI) -> Generator[LinkRecorder, None, None]:
    """Record the one-time links and notices that the service sends."""
    original, recorder = LINK_SENDER.get(app), LinkRecorder()
    LINK_SENDER.set(app, recorder)
    yield recorder
    LINK_SENDER.set(app, original)
