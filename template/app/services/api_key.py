"""What can be done with API keys."""

from collections.abc import Sequence
from datetime import timedelta
from hmac import compare_digest
from secrets import token_hex, token_urlsafe
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from app.auth.token_hashing import digest
from app.errors import NotFound, Unauthenticated
from app.models.api_key import ApiKey
from app.models.base import now
from app.models.user import User
from app.schemas.api_key import ApiKeyCreate, ApiKeyMade, ApiKeyRead

NOTED = timedelta(minutes=1)  # for which one use stands for all
LONGEST = 200  # characters of a key that is looked at


async def create(session: AsyncSession, user: User, new: ApiKeyCreate) -> ApiKeyMade:
    """Make a key, and show it this once."""
    prefix = token_hex(4)
    key = f"key_{prefix}_{token_urlsafe(32)}"
    kept = ApiKey(user_id=user.id, prefix=prefix, digest=digest(key), **new.model_dump())
    session.add(kept)
    await session.flush()
    return ApiKeyMade(key=key, **ApiKeyRead.model_validate(kept).model_dump())


async def search(session: AsyncSession, user: User) -> Sequence[ApiKey]:
    """Find all keys of a user, the oldest first."""
    own = select(ApiKey).where(ApiKey.user_id == user.id).order_by(ApiKey.id)
    return (await session.scalars(own)).all()


async def delete(session: AsyncSession, user: User, key_id: UUID) -> None:
    """Revoke a key of a user; it is void with the next request."""
    key = await session.get(ApiKey, key_id)
    if key is None or key.user_id != user.id:
        message = "There is no such API key."
        raise NotFound(message)
    await session.delete(key)
    await session.flush()


async def find(readers: async_sessionmaker[AsyncSession], given: str) -> ApiKey:
    """Find the key that is shown, with its user.

    Raises:
        Unauthenticated: it is not good, or no longer, or its user is gone.
    """
    key = await _looked_up(readers, given)
    if key is None or not compare_digest(key.digest, digest(given)):
        message = "The API key is not valid, or no longer."
        raise Unauthenticated(message)
    return key


async def _looked_up(readers: async_sessionmaker[AsyncSession], given: str) -> ApiKey | None:
    if len(given) > LONGEST or not given.startswith("key_") or not given.isascii():
        return None
    statement = (
        select(ApiKey)
        .join(ApiKey.user)
        .where(ApiKey.prefix == given.split("_")[1], User.is_active)
        .where(or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now()))
        .options(joinedload(ApiKey.user).joinedload(User.role))
    )
    async with readers() as session:
        found: ApiKey | None = await session.scalar(statement)
        return found


async def note(sessions: async_sessionmaker[AsyncSession], key: ApiKey) -> None:
    """Remember that a key is used, to the minute."""
    if key.last_used_at is None or key.last_used_at < now() - NOTED:
        async with sessions.begin() as session:
            used = update(ApiKey).where(ApiKey.id == key.id)
            await session.execute(used.values(last_used_at=now(), updated_at=ApiKey.updated_at))
