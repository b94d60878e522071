"""Service for external identities: find, link and provision users, and synchronize roles."""

from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from app.database import flush
from app.errors import Conflict, Forbidden
from app.models.audit_event import Action
from app.models.base import now
from app.models.identity import Identity
from app.models.user import Role, User, UserRole
from app.services import audit_event as audit_events

Sessions = async_sessionmaker[AsyncSession]

log = structlog.get_logger()


@dataclass(frozen=True)
class ExternalUser:
    """A user of an identity provider, with a verified e-mail address."""

    issuer: str
    subject: str
    email: str


async def find(readers: Sessions, issuer: str, subject: str) -> User | None:
    """Return the user with an external identity, even if inactive; None if missing."""
    statement = (
        select(User)
        .join(Identity, Identity.user_id == User.id)
        .where(Identity.issuer == issuer, Identity.subject == subject)
        .options(joinedload(User.roles))
    )
    async with readers() as session:
        user: User | None = (await session.scalars(statement)).unique().one_or_none()
        return user


async def link(
    sessions: Sessions, readers: Sessions, external: ExternalUser, *, provision: bool
) -> User:
    """Link an identity to the user with the same e-mail address; create the user if missing.

    Args:
        sessions: session factory for the transaction
        readers: session factory for reads
        external: the identity and its e-mail address
        provision: whether a missing user is created

    Raises:
        Forbidden: there is no such user and none is created, or the user is linked to another
            subject of the issuer.
    """
    try:
        async with sessions.begin() as session:
            await _link(session, external, provision=provision)
    except Conflict:
        pass  # race: a concurrent request linked the identity; or the user has another subject
    user = await find(readers, external.issuer, external.subject)
    if user is None:
        message = "Your e-mail address belongs to another account. Ask an administrator."
        raise Forbidden(message)
    return user


async def _link(session: AsyncSession, external: ExternalUser, *, provision: bool) -> None:
    user = await session.scalar(select(User).where(User.email == external.email))
    if user is None and not provision:
        message = "You have no account. Ask an administrator to create one."
        raise Forbidden(message)
    if user is None:
        user = User(email=external.email)
        session.add(user)
        await flush(session)
        await audit_events.record(session, Action.USER_CREATED, ("user", user.id))
    user.verified_at = user.verified_at or now()
    session.add(Identity(issuer=external.issuer, subject=external.subject, user_id=user.id))
    await flush(session)
    await audit_events.record(session, Action.USER_UPDATED, ("user", user.id), fields=["identity"])


async def sync_role(sessions: Sessions, readers: Sessions, user: User, name: str | None) -> User:
    """Replace the user's roles by one role; remove them if the name is None or unknown.

    An unknown role is logged.
    """
    if [role.name for role in user.roles] == ([name] if name else []):
        return user
    async with sessions.begin() as session:
        role_id = await session.scalar(select(Role.id).where(Role.name == name))
        if name and role_id is None:
            log.warning("oidc_role_unknown", role=name)
        if [role.id for role in user.roles] == ([role_id] if role_id else []):
            return user
        await session.scalar(select(User.id).where(User.id == user.id).with_for_update())
        await session.execute(delete(UserRole).where(UserRole.user_id == user.id))
        if role_id:
            session.add(UserRole(user_id=user.id, role_id=role_id))
        after = [name] if name and role_id else []
        await audit_events.record(
            session, Action.ROLES_CHANGED, ("user", user.id), before=user.role_names, after=after
        )
    async with readers() as session:
        statement = select(User).where(User.id == user.id).options(joinedload(User.roles))
        return (await session.scalars(statement)).unique().one()
