"""Service for users and roles: search, update, soft delete, token revocation."""

from collections.abc import Sequence
from typing import get_args
from uuid import UUID

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager

from app.database import flush, objects
from app.errors import Conflict, FieldProblem, Invalid, NotFound
from app.filtering import Filters, conditions, contains, equals, page_statements
from app.models.api_key import ApiKey
from app.models.base import now
from app.models.user import Role, User
from app.pagination import Slice
from app.schemas.user import RoleChange, UserQuery, UserSort, UserUpdate

NOT_FOUND = "User does not exist."
ROWS = (
    select(User)
    .outerjoin(User.role)
    .options(contains_eager(User.role))
    .where(User.deleted_at.is_(None))
)
COUNT = select(func.count(User.id)).outerjoin(User.role).where(User.deleted_at.is_(None))
PAGES = page_statements(ROWS, User, get_args(UserSort))
FILTERS: Filters = {"search": contains(User.email), "role": equals(Role.name)}


async def search(session: AsyncSession, query: UserQuery) -> Slice[User]:
    """Return one page of users and their total number."""
    where = conditions(query, FILTERS)
    page = PAGES[query.sort].where(*where)
    result = await session.execute(page, {"size": query.size, "offset": query.offset})
    total = await session.scalar(COUNT.where(*where))
    return Slice(objects(result), total or 0, query)


async def read(session: AsyncSession, user_id: UUID) -> User:
    """Return one user; 404 if missing."""
    users = objects(await session.execute(ROWS.where(User.id == user_id)))
    if not users:
        raise NotFound(NOT_FOUND)
    user: User = users[0]
    return user


async def get(session: AsyncSession, user_id: UUID, caller: User) -> User:
    """Return one user locked FOR UPDATE; 404 if missing.

    Raises:
        Conflict: the user is the caller, who could lock themselves out.
        NotFound: the user does not exist.
    """
    if user_id == caller.id:
        message = "This is your own account. Ask another administrator to change it."
        raise Conflict(message)
    user = await lock(session, user_id)
    if user is None:
        raise NotFound(NOT_FOUND)
    return user


async def lock(session: AsyncSession, user_id: UUID) -> User | None:
    """Return a user locked FOR UPDATE, with the columns of the last commit; None if missing."""
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    return None if user is None or user.deleted_at else user


async def lock_by_email(session: AsyncSession, email: str) -> User | None:
    """Return the user with an e-mail address, locked FOR UPDATE; None if missing."""
    statement = select(User).where(User.email == email, User.deleted_at.is_(None))
    user: User | None = await session.scalar(statement.with_for_update())
    return user


async def update(session: AsyncSession, user_id: UUID, caller: User, changes: UserUpdate) -> User:
    """Change a user's role, or disable or enable the user; revoke the user's tokens."""
    user = await get(session, user_id, caller)
    values = changes.model_dump()
    if "role" in values:
        user.role_id = await _role_id(session, values["role"])
    if "disabled" in values:
        user.disabled_at = (user.disabled_at or now()) if values["disabled"] else None
    user.revoke_tokens()
    await flush(session)
    await session.refresh(user, ["role"])
    return user


async def delete(session: AsyncSession, user_id: UUID, caller: User) -> None:
    """Soft-delete a user, and revoke the user's tokens."""
    user = await get(session, user_id, caller)
    user.revoke_tokens()
    user.deleted_at = now()
    await flush(session)


async def revoke_access(
    session: AsyncSession, user_id: UUID, *, keep_api_keys: bool = False
) -> None:
    """Revoke all tokens that a user has received so far, and the user's API keys unless kept."""
    user = await lock(session, user_id)
    if user:
        user.revoke_tokens()
    if not keep_api_keys:
        await session.execute(delete_rows(ApiKey).where(ApiKey.user_id == user_id))
    await session.flush()


async def _role_id(session: AsyncSession, name: str | None) -> UUID | None:
    """Return the ID of a role, or None for no role.

    Raises:
        Invalid: the role does not exist.
    """
    role_id: UUID | None = await session.scalar(select(Role.id).where(Role.name == name))
    if name is not None and role_id is None:
        message = "Role does not exist."
        problem = FieldProblem(location="body.role", message=message, code="reference")
        raise Invalid(message, errors=[problem])
    return role_id


async def list_roles(session: AsyncSession) -> Sequence[Role]:
    """Return all roles, sorted by name."""
    return (await session.scalars(select(Role).order_by(Role.name))).all()


async def put_role(session: AsyncSession, name: str, change: RoleChange) -> Role:
    """Create a role, or replace its permissions (upsert)."""
    role = await session.scalar(select(Role).where(Role.name == name).with_for_update())
    if role is None:
        role = Role(name=name, permissions=[])
        session.add(role)
    role.permissions = sorted(set(change.permissions))
    await flush(session)
    return role
