"""What can be done with users and their roles."""

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import contains_eager, joinedload

from app.database import flush, objects
from app.errors import Conflict, FieldProblem, Invalid, NotFound
from app.filtering import Filters, conditions, contains, equals, page_statements
from app.models.base import now
from app.models.user import Role, User
from app.pagination import Slice
from app.schemas.user import RoleChange, UserQuery, UserSort, UserUpdate

MISSING = "There is no such user."
ROWS = (
    select(User)
    .outerjoin(User.role)
    .options(contains_eager(User.role))
    .where(User.deleted_at.is_(None))
)
COUNT = select(func.count(User.id)).outerjoin(User.role).where(User.deleted_at.is_(None))
PAGES = page_statements(ROWS, User, get_args(UserSort))
FILTERS: Filters = {"search": contains(User.email), "role": equals(Role.name)}

Readers = async_sessionmaker[AsyncSession]


async def find(readers: Readers, user_id: UUID) -> User | None:
    """Find a user who may sign in, with the role, and hold no connection afterwards."""
    active = select(User).where(User.id == user_id, User.is_active)
    async with readers() as session:
        found: User | None = await session.scalar(active.options(joinedload(User.role)))
        return found


async def get_by_email(readers: Readers, email: str) -> User | None:
    """Find a user by the address, and hold no connection afterwards."""
    there = select(User).where(User.email == email, User.deleted_at.is_(None))
    async with readers() as session:
        found: User | None = await session.scalar(there)
        return found


async def search(session: AsyncSession, query: UserQuery) -> Slice[User]:
    """Find a page of users, and how many there are in all."""
    tests = conditions(query, FILTERS)
    page = PAGES[query.sort].where(*tests)
    found = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(COUNT.where(*tests))
    return Slice(objects(found), total or 0, query)


async def read(session: AsyncSession, user_id: UUID) -> User:
    """Find a user, to show it."""
    found = objects(await session.execute(ROWS.where(User.id == user_id)))
    if not found:
        raise NotFound(MISSING)
    user: User = found[0]
    return user


async def get(session: AsyncSession, user_id: UUID, caller: User) -> User:
    """Find a user, to change it; whoever calls cannot lock themself out."""
    if user_id == caller.id:
        message = "This is your own account; have somebody else change it."
        raise Conflict(message)
    user = await session.get(User, user_id, with_for_update=True)
    if user is None or user.deleted_at:
        raise NotFound(MISSING)
    return user


async def update(session: AsyncSession, user_id: UUID, caller: User, changes: UserUpdate) -> User:
    """Change what a user may do, or whether they may sign in."""
    user = await get(session, user_id, caller)
    given = changes.model_dump()
    if "role" in given:
        user.role_id = await _role_id(session, given["role"])
    if "disabled" in given:
        user.disabled_at = (user.disabled_at or now()) if given["disabled"] else None
    user.voided_at = now()
    await flush(session)
    await session.refresh(user, ["role"])
    return user


async def delete(session: AsyncSession, user_id: UUID, caller: User) -> None:
    """Remove a user; the row stays, marked as deleted, and so does the address."""
    user = await get(session, user_id, caller)
    user.deleted_at = user.voided_at = now()
    await flush(session)


async def revoke_tokens(session: AsyncSession, user_id: UUID) -> None:
    """Void every token that a user was given."""
    user = await session.get_one(User, user_id)
    user.voided_at = now()
    await session.flush()


async def _role_id(session: AsyncSession, name: str | None) -> UUID | None:
    found: UUID | None = await session.scalar(select(Role.id).where(Role.name == name))
    if name is not None and found is None:
        problem = FieldProblem(location="body.role", message="It is not there.", code="reference")
        message = "There is no such role."
        raise Invalid(message, errors=[problem])
    return found


async def list_roles(session: AsyncSession) -> Sequence[Role]:
    """Find all roles, by name."""
    return (await session.scalars(select(Role).order_by(Role.name))).all()


async def put_role(session: AsyncSession, name: str, change: RoleChange) -> Role:
    """Make a role, or change what it allows."""
    role = await session.scalar(select(Role).where(Role.name == name).with_for_update())
    if role is None:
        role = Role(name=name, permissions=[])
        session.add(role)
    role.permissions = sorted(set(change.permissions))
    await flush(session)
    return role
