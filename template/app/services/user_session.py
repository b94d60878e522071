"""Service for sessions of users: begin, list and end them, and find their users."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from app.errors import NotFound
from app.models.audit_event import Action
from app.models.base import now
from app.models.user import User
from app.models.user_session import MAX_USER_AGENT, UserSession
from app.schemas.user_session import SessionRead
from app.services import audit_event as audit_events


def _is_valid() -> ColumnElement[bool]:
    """Return the condition of valid sessions, joined with their users."""
    return and_(
        UserSession.user_id == User.id,
        UserSession.user_voided_at.is_not_distinct_from(User.voided_at),
        UserSession.expires_at > now(),
        User.is_active,
    )


async def begin(
    session: AsyncSession, user: User, lifetime: timedelta, user_agent: str
) -> UserSession:
    """Create a session of a user, whose row is locked; delete the user's ended sessions."""
    ended = or_(
        UserSession.expires_at <= now(),
        UserSession.user_voided_at.is_distinct_from(user.voided_at),
    )
    await session.execute(delete(UserSession).where(UserSession.user_id == user.id, ended))
    new = UserSession(
        user_id=user.id,
        user_voided_at=user.voided_at,
        user_agent=user_agent[:MAX_USER_AGENT],
        expires_at=now() + lifetime,
    )
    session.add(new)
    await session.flush()
    return new


async def lock(session: AsyncSession, session_id: UUID) -> UserSession | None:
    """Return a valid session locked FOR UPDATE; None if it has ended.

    The lock serializes refreshes of the session with each other and with its end.
    """
    statement = select(UserSession).join(User, _is_valid()).where(UserSession.id == session_id)
    locked = statement.with_for_update(of=UserSession).execution_options(populate_existing=True)
    found: UserSession | None = await session.scalar(locked)
    return found


async def find_user(readers: async_sessionmaker[AsyncSession], session_id: UUID) -> User | None:
    """Return the active user of a valid session, with the user's roles; None if it has ended."""
    statement = (
        select(User)
        .join(UserSession, _is_valid())
        .where(UserSession.id == session_id)
        .options(joinedload(User.roles))
    )
    async with readers() as session:
        user: User | None = (await session.scalars(statement)).unique().one_or_none()
        return user


async def search(
    session: AsyncSession, user_id: UUID, current: UUID | None = None
) -> list[SessionRead]:
    """Return a user's valid sessions, the newest first; mark the current one."""
    statement = (
        select(UserSession)
        .join(User, _is_valid())
        .where(User.id == user_id)
        .order_by(UserSession.id.desc())
    )
    return [
        SessionRead.model_validate(row).model_copy(update={"is_current": row.id == current})
        for row in await session.scalars(statement)
    ]


async def end(session: AsyncSession, session_id: UUID) -> None:
    """End a session with immediate effect; do nothing if it has ended already."""
    ended = delete(UserSession).where(UserSession.id == session_id).returning(UserSession.user_id)
    if user_id := await session.scalar(ended):
        target = ("user", user_id)
        await audit_events.record(session, Action.SESSION_ENDED, target, session=str(session_id))


async def end_of_user(session: AsyncSession, user_id: UUID, session_id: UUID) -> None:
    """End one of a user's sessions with immediate effect.

    Raises:
        NotFound: the user has no such session.
    """
    found = await session.get(UserSession, session_id)
    if found is None or found.user_id != user_id:
        message = "Session does not exist."
        raise NotFound(message)
    await end(session, session_id)
