"""Users, as an identity provider knows them."""

from dataclasses import dataclass

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import joinedload

from app.database import flush
from app.errors import Conflict, Forbidden
from app.models.base import now
from app.models.identity import Identity
from app.models.user import Role, User

Sessions = async_sessionmaker[AsyncSession]

log = structlog.get_logger()


@dataclass(frozen=True)
class ExternalUser:
    """Somebody whom a provider knows, by an address that it answers for."""

    issuer: str
    subject: str
    email: str


async def find(readers: Sessions, issuer: str, subject: str) -> User | None:
    """Find the user whom a provider calls so, whether or not they may sign in."""
    statement = (
        select(User)
        .join(Identity, Identity.user_id == User.id)
        .where(Identity.issuer == issuer, Identity.subject == subject)
        .options(joinedload(User.role))
    )
    async with readers() as session:
        found: User | None = await session.scalar(statement)
        return found


async def link(sessions: Sessions, readers: Sessions, person: ExternalUser, *, makes: bool) -> User:
    """Make a person known: as the user who has the address, else as a new one.

    Raises:
        Forbidden: there is no such user and none is to be made, or it is somebody else.
    """
    try:
        async with sessions.begin() as session:
            await _link(session, person, makes=makes)
    except Conflict:
        pass  # another request was faster, or the user is another subject of the provider
    user = await find(readers, person.issuer, person.subject)
    if user is None:
        message = "The account with your address is somebody else's; ask an administrator."
        raise Forbidden(message)
    return user


async def _link(session: AsyncSession, person: ExternalUser, *, makes: bool) -> None:
    user = await session.scalar(select(User).where(User.email == person.email))
    if user is None and not makes:
        message = "There is no account for you here; ask an administrator for one."
        raise Forbidden(message)
    if user is None:
        user = User(email=person.email)
        session.add(user)
        await flush(session)
    user.verified_at = user.verified_at or now()
    session.add(Identity(issuer=person.issuer, subject=person.subject, user_id=user.id))
    await flush(session)


async def follow(sessions: Sessions, readers: Sessions, user: User, name: str | None) -> User:
    """Give a user the role that their provider says, or none; the log tells what is not there."""
    if name == (user.role.name if user.role else None):
        return user
    async with sessions.begin() as session:
        role_id = await session.scalar(select(Role.id).where(Role.name == name))
        if name and role_id is None:
            log.warning("a role that the identity provider gives is not there", role=name)
        if role_id == user.role_id:
            return user
        await session.execute(update(User).where(User.id == user.id).values(role_id=role_id))
    async with readers() as session:
        there = select(User).where(User.id == user.id).options(joinedload(User.role))
        return (await session.scalars(there)).one()
