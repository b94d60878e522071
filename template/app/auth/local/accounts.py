"""Authentication by access tokens (JSON Web Tokens) that this service signs."""

from datetime import UTC, datetime
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
from app.services import user as users
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
    """Return the user whose ID an access token contains.

    Raises:
        Unauthenticated: the token is invalid, expired or revoked, or its user is not active.
    """
    claims = SIGNER.get(connection.app).read(token, Purpose.ACCESS)
    user = await users.find(READERS.get(connection.app), UUID(claims["sub"]))
    if user is None or user.has_revoked(datetime.fromtimestamp(claims["iat"], UTC)):
        raise Unauthenticated(INVALID)
    return user


def install(app: FastAPI) -> None:
    """Install the token signer, and the origins that may send the refresh cookie."""
    SIGNER.set(app, Signer(settings.read(AuthSettings)))
    TRUSTED_ORIGINS.set(app, settings.read(MiddlewareSettings).cors_origins)
