"""Who calls, and what they may do: what routes declare, as a type or among their dependencies.

A route that names none of these is open to everybody; `tests/test_access.py` lists those that may.
"""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload
from starlette.requests import HTTPConnection

from app import settings
from app.errors import Forbidden, Unauthenticated
from app.middleware import MiddlewareSettings
from app.models.user import EVERYTHING, User
from app.routers import PREFIX
from app.services import api_key as api_keys
from app.signing import AuthSettings, Purpose, Signer

bearer = OAuth2PasswordBearer(f"{PREFIX}/auth/token", auto_error=False)
api_key = APIKeyHeader(name="X-API-Key", auto_error=False)


@dataclass(frozen=True)
class Caller:
    """Who calls, and how much of what they may do they may do now."""

    user: User
    scopes: frozenset[str] = frozenset({EVERYTHING})
    is_present: bool = True  # rather than a machine that shows their key

    def may(self, permission: str) -> bool:
        """Say whether both the user's role and the key allow it."""
        return self.user.may(permission) and not self.scopes.isdisjoint({permission, EVERYTHING})


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


async def identify(connection: HTTPConnection) -> Caller | None:
    """Find who calls, before anything else asks; nobody, where what is shown is not good."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = await _with_token(connection, token)
    elif key := connection.headers.get("x-api-key"):
        found = await _with_key(connection, key)
    else:
        return None
    if found:
        connection.state.caller = f"user:{found.user.id}"
    return found


async def optional_caller(
    token: Annotated[str | None, Depends(bearer)],
    key: Annotated[str | None, Depends(api_key)],
    found: Annotated[Caller | None, Depends(identify)],
) -> Caller | None:
    """Give who calls; nobody, where neither a token nor a key is shown.

    Raises:
        Unauthenticated: what is shown is not good, or its user is gone.
    """
    if found is None and (token is not None or key is not None):
        message = "The token or key is not valid, or no longer."
        raise Unauthenticated(message)
    return found


async def _with_token(connection: HTTPConnection, token: str) -> Caller | None:
    try:
        claims = connection.app.state.signer.read(token, Purpose.ACCESS)
    except Unauthenticated:
        return None
    same = (User.id == UUID(claims["sub"]), User.generation == claims["generation"])
    statement = select(User).where(*same, User.is_active).options(joinedload(User.role))
    async with connection.app.state.readers() as session:
        user = await session.scalar(statement)
    return Caller(user) if user else None


async def _with_key(connection: HTTPConnection, given: str) -> Caller | None:
    key = await api_keys.find(connection.app.state.readers, given)
    if key is None:
        return None
    await api_keys.note(connection.app.state.sessions, key)
    return Caller(key.user, frozenset(key.scopes), is_present=False)


async def current_caller(
    caller: Annotated[Caller | None, Depends(optional_caller)],
) -> Caller:
    """Find who calls.

    Raises:
        Unauthenticated: nobody who is known.
    """
    if caller is None:
        message = "Sign in first."
        raise Unauthenticated(message)
    return caller


async def current_user(caller: Annotated[Caller, Depends(current_caller)]) -> User:
    """Give the user who calls, or whose key it is."""
    return caller.user


async def optional_user(
    caller: Annotated[Caller | None, Depends(optional_caller)],
) -> User | None:
    """Give the user who calls, or whose key it is; nobody, where nothing is shown."""
    return caller.user if caller else None


async def present_user(caller: Annotated[Caller, Depends(current_caller)]) -> User:
    """Give the user who calls.

    Raises:
        Forbidden: a machine calls with their key, which could make itself another.
    """
    if not caller.is_present:
        message = "An API key may not do this; sign in."
        raise Forbidden(message)
    return caller.user


SIGNED_IN: Any = Depends(current_caller)
CurrentUser = Annotated[User, Depends(current_user)]
OptionalUser = Annotated[User | None, Depends(optional_user)]
PresentUser = Annotated[User, Depends(present_user)]


class Permission:
    """A dependency that refuses those whose role, or whose key, does not allow it."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, caller: Annotated[Caller, Depends(current_caller)]) -> None:
        """Let pass who may.

        Raises:
            Forbidden: they may not.
        """
        if not caller.may(self.name):
            raise Forbidden(f"This takes the permission {self.name}.")


def require_permission(name: str) -> Any:  # noqa: ANN401 - as `Depends` itself
    """Let only those call a route whose role has a permission, such as `products:write`."""
    return Depends(Permission(name))


def install(app: FastAPI) -> None:
    """Have the service sign tokens, and know from the first who calls."""
    app.router.dependencies.append(Depends(identify))
    app.state.signer = Signer(settings.read(AuthSettings))
    app.state.own_origins = settings.read(MiddlewareSettings).cors_origins
