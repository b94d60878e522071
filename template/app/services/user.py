"""Service for users: search, create, update, soft delete, token revocation."""

from typing import Any, get_args
from uuid import UUID

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from app.auth.invitations import Invite
from app.database import flush, objects
from app.errors import Conflict, NotFound
from app.filtering import Filters, conditions, contains, page_statements
from app.models.api_key import ApiKey
from app.models.audit_event import Action
from app.models.base import now
from app.models.user import Role, User, UserRole
from app.pagination import Slice
from app.schemas.user import ProfileUpdate, UserCreate, UserQuery, UserSort, UserUpdate
from app.services import audit_event as audit_events
from app.services import role as roles
from app.services.role import Administration

NOT_FOUND = "User does not exist."
WRITE = "users:write"
ROWS = select(User).options(selectinload(User.roles)).where(User.deleted_at.is_(None))
COUNT = select(func.count(User.id)).where(User.deleted_at.is_(None))
PAGES = page_statements(ROWS, User, get_args(UserSort))
FILTERS: Filters = {
    "search": contains(User.email, User.name),
    "role": lambda name: User.roles.any(Role.name == name),
}


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


async def lock(session: AsyncSession, user_id: UUID) -> User | None:
    """Return a user locked FOR UPDATE, with the columns of the last commit; None if missing."""
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    return None if user is None or user.deleted_at else user


async def lock_by_email(session: AsyncSession, email: str) -> User | None:
    """Return the user with an e-mail address, locked FOR UPDATE; None if missing."""
    statement = select(User).where(User.email == email, User.deleted_at.is_(None))
    user: User | None = await session.scalar(statement.with_for_update())
    return user


async def create(session: AsyncSession, caller: User, new: UserCreate, invite: Invite) -> User:
    """Create a user with roles, and send an invitation.

    Raises:
        Conflict: a user with the e-mail address already exists.
        Forbidden: the caller lacks permissions of the roles.
        Invalid: a role does not exist.
    """
    async with roles.administration(session, caller, WRITE) as administration:
        user = User(email=new.email, name=new.name, roles=administration.find(new.roles))
        session.add(user)
        await flush(session)
        await audit_events.record(
            session, Action.USER_CREATED, ("user", user.id), roles=user.role_names
        )
        await invite(session, user)
    return user


async def update(session: AsyncSession, user_id: UUID, caller: User, changes: UserUpdate) -> User:
    """Change a user's name or roles, or disable or enable the user; revoke the user's tokens.

    Disabling also revokes the user's API keys.

    Raises:
        Conflict: the user is the caller, or the last administrator.
        Forbidden: the user or one of the roles has permissions that the caller lacks.
        Invalid: a role does not exist.
    """
    async with roles.administration(session, caller, WRITE) as administration:
        user = await _lock_for_change(session, administration, user_id)
        values = changes.model_dump()
        if "roles" in values:
            await _replace_roles(session, user, administration.find(values.pop("roles")))
        if values:
            await _change_account(session, user, values)
        await revoke_access(session, user_id, keep_api_keys=user.is_active)
    await session.refresh(user, ["roles"])
    return user


async def _replace_roles(session: AsyncSession, user: User, new: list[Role]) -> None:
    """Replace the roles of a user, and record the change."""
    before, user.roles = user.role_names, new
    target, after = ("user", user.id), user.role_names
    await audit_events.record(session, Action.ROLES_CHANGED, target, before=before, after=after)


async def _change_account(session: AsyncSession, user: User, values: dict[str, Any]) -> None:
    """Change the name of a user, or disable or enable the user; record the change."""
    if "disabled" in values:
        user.disabled_at = (user.disabled_at or now()) if values["disabled"] else None
    user.name = values.get("name", user.name)
    target, disabled = ("user", user.id), not user.is_active
    await audit_events.record(
        session, Action.USER_UPDATED, target, fields=sorted(values), disabled=disabled
    )


async def update_profile(session: AsyncSession, caller: User, changes: ProfileUpdate) -> User:
    """Change the caller's own name."""
    user = await lock(session, caller.id)
    if user is None:
        raise NotFound(NOT_FOUND)
    user.name = changes.model_dump().get("name", user.name)
    await flush(session)
    await audit_events.record(session, Action.USER_UPDATED, ("user", user.id), fields=["name"])
    await session.refresh(user, ["roles"])
    return user


async def delete(session: AsyncSession, user_id: UUID, caller: User) -> None:
    """Soft-delete a user; revoke the user's tokens, API keys and roles.

    Raises:
        Conflict: the user is the caller, or the last administrator.
        Forbidden: the user has permissions that the caller lacks.
    """
    async with roles.administration(session, caller, WRITE) as administration:
        await _delete(session, await _lock_for_change(session, administration, user_id))


async def delete_own(session: AsyncSession, caller: User) -> None:
    """Soft-delete the caller's own account.

    Raises:
        Conflict: the caller is the last administrator.
    """
    async with roles.administration(session, caller) as administration:
        await _delete(session, administration.caller)


async def _delete(session: AsyncSession, user: User) -> None:
    await revoke_access(session, user.id)
    await session.execute(delete_rows(UserRole).where(UserRole.user_id == user.id))
    user.deleted_at = now()
    await audit_events.record(session, Action.USER_DELETED, ("user", user.id))


async def lock_for_revocation(session: AsyncSession, user_id: UUID, caller: User) -> User:
    """Return a user whose sessions or API keys the caller ends, locked FOR UPDATE.

    Raises:
        Conflict: the user is the caller, who has other routes for this.
        Forbidden: the user has permissions that the caller lacks.
        NotFound: the user does not exist.
    """
    async with roles.administration(session, caller, WRITE) as administration:
        return await _lock_for_change(session, administration, user_id)


async def end_sessions(session: AsyncSession, user_id: UUID, caller: User) -> None:
    """End all sessions of a user, whose API keys remain valid."""
    user = await lock_for_revocation(session, user_id, caller)
    await revoke_access(session, user.id, keep_api_keys=True)


async def _lock_for_change(
    session: AsyncSession, administration: Administration, user_id: UUID
) -> User:
    """Return another user than the caller, locked FOR UPDATE; 404 if missing."""
    if user_id == administration.caller.id:
        message = "This is your own account. Use /users/me, or ask another administrator."
        raise Conflict(message)
    user = await lock(session, user_id)
    if user is None:
        raise NotFound(NOT_FOUND)
    await session.refresh(user, ["roles"])
    administration.require(user.permissions)
    return user


async def revoke_access(
    session: AsyncSession, user_id: UUID, *, keep_api_keys: bool = False
) -> None:
    """Revoke all tokens that a user has received so far, and the user's API keys unless kept."""
    user = await lock(session, user_id)
    if user:
        user.revoke_tokens()
    if not keep_api_keys:
        await session.execute(delete_rows(ApiKey).where(ApiKey.user_id == user_id))
    await audit_events.record(
        session, Action.SESSION_ENDED, ("user", user_id), session="all", keep_api_keys=keep_api_keys
    )
