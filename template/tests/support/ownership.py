"""Helpers that set the permissions or the API key of the HTTP client in ownership tests."""

from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.user import User
from tests.factories import some
from tests.support.auth import make_role, make_user


async def allow(session: AsyncSession, *permissions: str) -> User:
    """Replace the permissions of the client's user by the given permissions.

    This user is the first user of the test, so it owns the rows that factories create.
    """
    user = await some(session, User, make_user)
    await session.refresh(user, ["roles"])
    user.roles = [await make_role(session, *permissions)]
    await session.commit()
    return user


async def use_key(client: AsyncClient, *scopes: str) -> None:
    """Make the client authenticate by a new API key with the given scopes."""
    new = {"name": "robot", "scopes": list(scopes)}
    response = await client.post("/api/v1/users/me/api-keys", json=new)
    del client.headers["Authorization"]
    client.headers["X-API-Key"] = response.json()["key"]
