"""Service for API keys: create, list, revoke and authenticate them."""

from collections.abc import Sequence
from datetime import timedelta
from hmac import compare_digest
from secrets import token_hex, token_urlsafe
from uuid import UUID

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from app.auth.permissions import require_known
from app.auth.token_hashing import digest
from app.errors import Conflict, NotFound, Unauthenticated
from app.models.api_key import ApiKey
from app.models.audit_event import Action
from app.models.base import now
from app.models.user import User
from app.schemas.api_key import ApiKeyCreate, ApiKeyCreated, ApiKeyRead
from app.services import audit_event as audit_events
from app.services import user as users

USE_RESOLUTION = timedelta(minutes=1)  # last_used_at is written once a minute
MAX_LENGTH = 200  # characters of a key; longer ones are rejected unread
REVOKED = "Your access was revoked. Log in again."


async def create(session: AsyncSession, user: User, new: ApiKeyCreate, limit: int) -> ApiKeyCreated:
    """Create an API key, and return the key with its secret.

    Only the secret's digest is stored.

    Raises:
        Invalid: a scope is unknown.
        Conflict: the user has as many keys as the limit allows.
        Unauthenticated: the caller's access was revoked meanwhile (race).
    """
    require_known(new.scopes, "scopes")
    locked = await users.lock(session, user.id)
    if locked is None or locked.voided_at != user.voided_at:
        raise Unauthenticated(REVOKED)
    await _require_fewer(session, user, limit)
    prefix = token_hex(4)
    secret = f"key_{prefix}_{token_urlsafe(32)}"
    key = ApiKey(user_id=user.id, prefix=prefix, digest=digest(secret), **new.model_dump())
    session.add(key)
    await session.flush()
    target = ("user", user.id)
    await audit_events.record(
        session, Action.KEY_CREATED, target, key=prefix, scopes=sorted(new.scopes)
    )
    return ApiKeyCreated(key=secret, **ApiKeyRead.model_validate(key).model_dump())


async def _require_fewer(session: AsyncSession, user: User, limit: int) -> None:
    """Check that a user has fewer API keys than the limit.

    The lock of the user's row makes concurrent requests count one after the other.
    """
    statement = select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user.id)
    if (await session.scalar(statement) or 0) >= limit:
        raise Conflict(f"You have {limit} API keys, which is the limit. Revoke one of them first.")


async def search(session: AsyncSession, user: User) -> Sequence[ApiKey]:
    """Return a user's API keys, oldest first."""
    statement = select(ApiKey).where(ApiKey.user_id == user.id).order_by(ApiKey.id)
    return (await session.scalars(statement)).all()


async def delete(session: AsyncSession, user: User, key_id: UUID) -> None:
    """Revoke a user's API key with immediate effect.

    Raises:
        NotFound: the user has no such key.
    """
    key = await session.get(ApiKey, key_id)
    if key is None or key.user_id != user.id:
        message = "API key does not exist."
        raise NotFound(message)
    await session.delete(key)
    await audit_events.record(session, Action.KEY_REVOKED, ("user", user.id), key=key.prefix)


async def delete_all(session: AsyncSession, user: User) -> None:
    """Revoke all of a user's API keys with immediate effect."""
    await session.execute(delete_rows(ApiKey).where(ApiKey.user_id == user.id))
    await audit_events.record(session, Action.KEY_REVOKED, ("user", user.id), key="all")


async def find(readers: async_sessionmaker[AsyncSession], secret: str) -> ApiKey:
    """Return the API key that has this secret, and the key's user.

    Raises:
        Unauthenticated: the key is invalid, expired or revoked, or its user is not active.
    """
    key = await _find_by_prefix(readers, secret)
    # Comparison in constant time, against timing attacks.
    if key is None or not compare_digest(key.digest, digest(secret)):
        message = "The API key is invalid or expired."
        raise Unauthenticated(message)
    return key


async def _find_by_prefix(readers: async_sessionmaker[AsyncSession], secret: str) -> ApiKey | None:
    if len(secret) > MAX_LENGTH or not secret.startswith("key_") or not secret.isascii():
        return None
    statement = (
        select(ApiKey)
        .join(ApiKey.user)
        .where(ApiKey.prefix == secret.split("_")[1], User.is_active)
        .where(or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now()))
        .options(joinedload(ApiKey.user).joinedload(User.roles))
    )
    async with readers() as session:
        key: ApiKey | None = (await session.scalars(statement)).unique().one_or_none()
        return key


async def record_use(sessions: async_sessionmaker[AsyncSession], key: ApiKey) -> None:
    """Set `last_used_at` of an API key, at most once a minute."""
    if key.last_used_at is None or key.last_used_at < now() - USE_RESOLUTION:
        async with sessions.begin() as session:
            statement = update(ApiKey).where(ApiKey.id == key.id)
            # `updated_at` is unchanged: its `onupdate` is for changes by the user.
            await session.execute(
                statement.values(last_used_at=now(), updated_at=ApiKey.updated_at)
            )
