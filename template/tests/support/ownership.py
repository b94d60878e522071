"""Whoever the client is: what they may do, by a role or by an API key."""

from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.user import User
from tests.factories import some
from tests.support.auth import make_role, make_user


async def allow(session: AsyncSession, *permissions: str) -> User:
    """Let whoever the client is do what some permissions allow, and no more.

    They signed in before anybody else, so the rows of factories are theirs.
    """
    user = await some(session, User, make_user)
    user.role_id = (await make_role(session, *permissions)).id
    await session.commit()
    return user


async def use_key(client: AsyncClient, *scopes: str) -> None:
    """Have the client show an API key of whoever it is."""
    new = {"name": "robot", "scopes": list(scopes)}
    made = await client.post("/api/v1/users/me/api-keys", json=new)
    del client.headers["Authorization"]
    client.headers["X-API-Key"] = made.json()["key"]
