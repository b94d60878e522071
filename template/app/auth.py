"""Who calls, and what they may do: what routes declare, as a type or among their dependencies.

A route that names none of these is open to everybody; `tests/test_access.py` lists those that may.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload
from starlette.requests import HTTPConnection

from app import settings
from app.errors import Forbidden, Unauthenticated
from app.middleware import MiddlewareSettings
from app.models.user import User
from app.routers import PREFIX
from app.signing import AuthSettings, Purpose, Signer

bearer = OAuth2PasswordBearer(f"{PREFIX}/auth/token", auto_error=False)


async def signer(connection: HTTPConnection) -> Signer:
    """Give what signs and reads tokens."""
    found: Signer = connection.app.state.signer
    return found


async def readers(connection: HTTPConnection) -> async_sessionmaker[AsyncSession]:
    """Give sessions that hold a connection for no longer than they read."""
    found: async_sessionmaker[AsyncSession] = connection.app.state.readers
    return found


Tokens = Annotated[Signer, Depends(signer)]
Readers = Annotated[async_sessionmaker[AsyncSession], Depends(readers)]


async def optional_user(
    token: Annotated[str | None, Depends(bearer)],
    tokens: Tokens,
    readers: Readers,
) -> User | None:
    """Find who calls; nobody, where no token is given.

    Raises:
        Unauthenticated: the token is not good, or its user is gone.
    """
    if token is None:
        return None
    claims = tokens.read(token, Purpose.ACCESS)
    statement = select(User).where(*_same(claims)).options(joinedload(User.role))
    async with readers() as session:
        user = await session.scalar(statement)
    if user is None:
        message = "The token is not valid, or no longer."
        raise Unauthenticated(message)
    return user


def _same(claims: dict[str, Any]) -> tuple[Any, ...]:
    """Ask for the user of a token who can still sign in, and has not signed out everywhere."""
    return (
        User.id == UUID(claims["sub"]),
        User.generation == claims["generation"],
        User.deleted_at.is_(None),
        User.disabled_at.is_(None),
    )


async def current_user(user: Annotated[User | None, Depends(optional_user)]) -> User:
    """Find who calls.

    Raises:
        Unauthenticated: nobody who is known.
    """
    if user is None:
        message = "Sign in first."
        raise Unauthenticated(message)
    return user


SIGNED_IN: Any = Depends(current_user)
CurrentUser = Annotated[User, SIGNED_IN]
OptionalUser = Annotated[User | None, Depends(optional_user)]


class Permission:
    """A dependency that refuses those whose role does not allow it."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, user: CurrentUser) -> User:
        """Give who calls, if they may.

        Raises:
            Forbidden: they may not.
        """
        if not user.may(self.name):
            raise Forbidden(f"This takes the permission {self.name}.")
        return user


def require_permission(name: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Let only those call a route whose role has a permission, such as `products:write`."""
    return Depends(Permission(name))


def install(app: FastAPI) -> None:
    """Give the service what signs and reads its tokens."""
    app.state.signer = Signer(settings.read(AuthSettings))
    app.state.own_origins = settings.read(MiddlewareSettings).cors_origins
