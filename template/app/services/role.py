"""Service for roles, and for the rules of every change of users and roles.

Callers grant, revoke and touch only what they hold themselves, and one administrator remains.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.auth.permissions import require_known
from app.database import flush, remove
from app.errors import Conflict, FieldProblem, Forbidden, Invalid, NotFound, Unauthenticated
from app.models.audit_event import Action
from app.models.user import EVERYTHING, Role, User, UserRole
from app.schemas.user import RoleChange
from app.services import audit_event as audit_events

ADMIN_ROLE = "admin"
WRITE = "roles:write"


@dataclass(frozen=True)
class Administration:
    """A change of users or roles: the caller and all roles, as they are under the lock."""

    session: AsyncSession
    caller: User
    roles: Mapping[str, Role]

    def require(self, permissions: Iterable[str]) -> None:
        """Reject a caller who lacks some of the permissions.

        Raises:
            Forbidden: the caller would grant, revoke or touch more than they hold.
        """
        missing = sorted(each for each in permissions if not self.caller.may(each))
        if missing:
            raise Forbidden(f"You need all permissions that you change. Missing: {missing[0]}.")

    def find(self, names: Sequence[str]) -> list[Role]:
        """Return roles that the caller assigns.

        Raises:
            Invalid: a role does not exist; the error names its position.
            Forbidden: a role has permissions that the caller lacks.
        """
        message = "Role does not exist."
        problems = [
            FieldProblem(location=f"body.roles.{index}", message=message, code="reference")
            for index, name in enumerate(names)
            if name not in self.roles
        ]
        if problems:
            raise Invalid(message, errors=problems)
        roles = [self.roles[name] for name in dict.fromkeys(names)]
        for role in roles:
            self.require(role.permissions)
        return roles

    async def require_holders(self, role: Role) -> None:
        """Reject a change of a role if a user who has it holds more than the caller.

        Raises:
            Forbidden: the change would touch such a user.
        """
        others = [each for each in self.roles.values() if not self.caller.holds(each.permissions)]
        held = select(UserRole.user_id).where(UserRole.role_id == role.id)
        statement = (
            select(UserRole.user_id)
            .where(UserRole.user_id.in_(held), UserRole.role_id.in_([each.id for each in others]))
            .limit(1)
        )
        if others and await self.session.scalar(statement):
            message = "Users with this role have permissions that you lack."
            raise Forbidden(message)


@asynccontextmanager
async def administration(
    session: AsyncSession, caller: User, permission: str | None = None
) -> AsyncGenerator[Administration, None]:
    """Serialize changes of users and roles, so that each sees what the last one committed.

    Args:
        session: the transaction of the change
        caller: the caller, who may have been changed since the request was authenticated
        permission: the permission that the caller needs

    Raises:
        Unauthenticated: the caller was disabled or deleted meanwhile.
        Forbidden: the caller lost the permission meanwhile.
        Conflict: the change would remove the last administrator.
    """
    roles = await lock_all(session)
    current = await _reload(session, caller)
    if permission and not current.may(permission):
        raise Forbidden(f"Missing permission: {permission}.")
    before = await count_administrators(session)
    yield Administration(session, current, roles)
    await flush(session)
    after = await count_administrators(session)
    if any(old and not new for old, new in zip(before, after, strict=True)):
        message = "This would remove the last administrator. Appoint another one first."
        raise Conflict(message)


async def lock_all(session: AsyncSession) -> dict[str, Role]:
    """Return all roles by name, locked `FOR NO KEY UPDATE` in the order of their IDs.

    Whoever may change users has a role, so concurrent changes wait for each other. SQLite has no
    such locks; its transactions begin with the write lock.
    """
    statement = select(Role).order_by(Role.id).with_for_update(key_share=True)
    rows = await session.scalars(statement.execution_options(populate_existing=True))
    return {role.name: role for role in rows}


async def _reload(session: AsyncSession, caller: User) -> User:
    statement = (
        select(User)
        .where(User.id == caller.id, User.is_active)
        .options(joinedload(User.roles))
        .execution_options(populate_existing=True)
    )
    current: User | None = (await session.scalars(statement)).unique().one_or_none()
    if current is None:
        message = "Your account was disabled."
        raise Unauthenticated(message)
    return current


async def count_administrators(session: AsyncSession) -> tuple[int, int]:
    """Return the number of active users who hold `*`, and how many of them are verified.

    Databases compare JSON differently, so the roles with `*` are selected in Python.
    """
    roles = await session.scalars(select(Role))
    powerful = [role.id for role in roles if EVERYTHING in role.permissions]
    held = select(UserRole.user_id).where(UserRole.role_id.in_(powerful))
    statement = select(func.count(User.id), func.count(User.verified_at)).where(
        User.id.in_(held), User.is_active
    )
    active, verified = (await session.execute(statement)).one()
    return active, verified


async def search(session: AsyncSession) -> Sequence[Role]:
    """Return all roles, sorted by name."""
    return (await session.scalars(select(Role).order_by(Role.name))).all()


async def put(session: AsyncSession, caller: User, name: str, change: RoleChange) -> Role:
    """Create a role, or replace its permissions (upsert).

    Raises:
        Conflict: the administrator role would lose `*`, or the last administrator would.
        Forbidden: the caller lacks old or new permissions of the role, or some of its users' ones.
        Invalid: a permission is unknown.
    """
    require_known(change.permissions, "permissions")
    if name == ADMIN_ROLE and EVERYTHING not in change.permissions:
        message = f"The role {ADMIN_ROLE} must have the permission {EVERYTHING}."
        raise Conflict(message)
    async with administration(session, caller, WRITE) as current:
        role = current.roles.get(name) or Role(name=name, permissions=[])
        current.require([*role.permissions, *change.permissions])
        if name in current.roles:
            await current.require_holders(role)
        before, role.permissions = role.permissions, sorted(set(change.permissions))
        session.add(role)
        await audit_events.record(
            session,
            Action.PERMISSIONS_CHANGED,
            ("role", name),
            before=before,
            after=role.permissions,
        )
    return role


async def delete(session: AsyncSession, caller: User, name: str) -> None:
    """Delete a role that no user has.

    Raises:
        Conflict: users have the role, or it is the administrator role.
        Forbidden: the caller lacks permissions of the role.
        NotFound: the role does not exist.
    """
    if name == ADMIN_ROLE:
        message = f"The role {ADMIN_ROLE} cannot be deleted."
        raise Conflict(message)
    async with administration(session, caller, WRITE) as current:
        role = current.roles.get(name)
        if role is None:
            message = "Role does not exist."
            raise NotFound(message)
        current.require(role.permissions)
        await _remove(session, role)
        await audit_events.record(
            session, Action.PERMISSIONS_CHANGED, ("role", name), before=role.permissions, after=None
        )


async def _remove(session: AsyncSession, role: Role) -> None:
    held = select(UserRole.user_id).where(UserRole.role_id == role.id).limit(1)
    if await session.scalar(held):
        message = "Cannot delete: users have this role. Remove it from them first."
        raise Conflict(message)
    await session.execute(update(User).where(User.role_id == role.id).values(role_id=None))
    await remove(session, role)
