"""Authentication by access tokens (JSON Web Tokens) that this service signs."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from app import settings
from app.auth.local.tokens import INVALID, AuthSettings, Purpose, Signer
from app.database import READERS
from app.errors import Unauthenticated
from app.middleware import MiddlewareSettings
from app.models.user import User
from app.services import user_session as user_sessions
from app.settings import PREFIX
from app.state import StateKey

SIGNER = StateKey[Signer]("signer")
# Origins whose pages may send the refresh cookie (CSRF protection).
TRUSTED_ORIGINS = StateKey[tuple[str, ...]]("own_origins")

bearer = OAuth2PasswordBearer(f"{PREFIX}/auth/token", auto_error=False)


async def signer(connection: HTTPConnection) -> Signer:
    """Return the signer that signs and verifies the service's tokens."""
    return SIGNER.get(connection.app)


async def readers(connection: HTTPConnection) -> async_sessionmaker[AsyncSession]:
    """Return the factory of database sessions for reads (a dependency).

    No session is open while a password is hashed, so hashing holds no database connection.
    """
    return READERS.get(connection.app)


Tokens = Annotated[Signer, Depends(signer)]
Readers = Annotated[async_sessionmaker[AsyncSession], Depends(readers)]


async def find_user(connection: HTTPConnection, token: str) -> User:
    """Return the user of the session that an access token belongs to.

    Raises:
        Unauthenticated: the token is invalid or expired, its session has ended, or its user is not
        active.
    """
    found = await user_sessions.find_user(
        READERS.get(connection.app), _session_id(connection, token)
    )
    if found is None:
        raise Unauthenticated(INVALID)
    return found


def _session_id(connection: HTTPConnection, token: str) -> UUID:
    """Verify an access token, and return the ID of its session (claim `sid`)."""
    claims = SIGNER.get(connection.app).read(token, Purpose.ACCESS)
    try:
        return UUID(claims["sid"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unauthenticated(INVALID) from None


async def current_session(
    connection: HTTPConnection, token: Annotated[str | None, Depends(bearer)]
) -> UUID | None:
    """Return the ID of the caller's session; None without an access token (a dependency)."""
    return _session_id(connection, token) if token else None


CurrentSession = Annotated[UUID | None, Depends(current_session)]


def install(app: FastAPI) -> None:
    """Install the token signer, and the origins that may send the refresh cookie."""
    SIGNER.set(app, Signer(settings.read(AuthSettings)))
    TRUSTED_ORIGINS.set(app, settings.read(MiddlewareSettings).cors_origins)
