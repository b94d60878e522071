"""Accounts of the service's own: what signs their tokens, and finds a user by one."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from starlette.requests import HTTPConnection

from app import settings
from app.auth.local.tokens import AuthSettings, Purpose, Signer
from app.database import READERS
from app.errors import Unauthenticated
from app.middleware import MiddlewareSettings
from app.models.user import User
from app.services import user as users
from app.settings import PREFIX
from app.state import StateKey

SIGNER = StateKey[Signer]("signer")
OWN_ORIGINS = StateKey[tuple[str, ...]](
    "own_origins"
)  # origins whose pages may send the refresh cookie

bearer = OAuth2PasswordBearer(f"{PREFIX}/auth/token", auto_error=False)


async def signer(connection: HTTPConnection) -> Signer:
    """Give what signs and reads tokens."""
    return SIGNER.get(connection.app)


async def readers(connection: HTTPConnection) -> async_sessionmaker[AsyncSession]:
    """Give sessions that hold a connection for no longer than they read."""
    return READERS.get(connection.app)


Tokens = Annotated[Signer, Depends(signer)]
Readers = Annotated[async_sessionmaker[AsyncSession], Depends(readers)]


async def find_user(connection: HTTPConnection, token: str) -> User:
    """Find the user who was given an access token.

    Raises:
        Unauthenticated: it is not good, or void, or its user is gone.
    """
    claims = SIGNER.get(connection.app).read(token, Purpose.ACCESS)
    user = await users.find(READERS.get(connection.app), UUID(claims["sub"]))
    if user is None or user.has_voided(datetime.fromtimestamp(claims["iat"], UTC)):
        message = "The token is not valid, or no longer."
        raise Unauthenticated(message)
    return user


def install(app: FastAPI) -> None:
    """Have the service sign tokens."""
    SIGNER.set(app, Signer(settings.read(AuthSettings)))
    OWN_ORIGINS.set(app, settings.read(MiddlewareSettings).cors_origins)
