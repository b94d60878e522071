"""Creation of administrators on the command line, even before any user can log in."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app import migrate
from app.models.audit_event import Action
from app.models.base import now
from app.models.user import EVERYTHING, Role, User
from app.schemas.user import Email
from app.services import audit_event as audit_events
from app.services.role import ADMIN_ROLE, lock_all


@asynccontextmanager
async def session_factory() -> AsyncGenerator[async_sessionmaker[AsyncSession], None]:
    """Yield a session factory for the configured database; dispose of its engine afterwards."""
    engine = migrate.create()
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


def parse_email(text: str) -> str:
    """Return an e-mail address in lower case; exit with a message if it is invalid."""
    try:
        return TypeAdapter(Email).validate_python(text)
    except ValidationError:
        sys.exit(f"Invalid e-mail address: {text!r}. Write it as name@example.com, in ASCII.")


async def grant_admin(session: AsyncSession, email: str) -> User:
    """Make a user an administrator who can log in; create the user if missing.

    A deleted or disabled user is restored, and the role gets the permission `*` if it lost it.
    """
    roles = await lock_all(session)
    role = roles.get(ADMIN_ROLE) or Role(name=ADMIN_ROLE, permissions=[])
    if EVERYTHING not in role.permissions:
        role.permissions = [EVERYTHING]
    user = await session.scalar(select(User).where(User.email == email).with_for_update())
    if user is None:
        user = User(email=email, roles=[])
    else:
        await session.refresh(user, ["roles"])
    user.verified_at = user.verified_at or now()
    user.disabled_at = user.deleted_at = None
    before = user.role_names
    user.roles = [*(each for each in user.roles if each is not role), role]
    session.add_all([role, user])
    await session.flush()
    await audit_events.record(
        session, Action.ROLES_CHANGED, ("user", user.id), before=before, after=user.role_names
    )
    return user
