"""Creation of administrators on the command line, even before any user can log in."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app import migrate
from app.models.base import now
from app.models.user import EVERYTHING, Role, User
from app.schemas.user import Email
from app.services import user as users

ADMIN_ROLE = "admin"


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
        sys.exit(f"Invalid e-mail address: {text!r}. Write it as name@example.com.")


async def grant_admin(session: AsyncSession, email: str) -> User:
    """Assign the administrator role to a user; create the user if missing."""
    user = await users.lock_by_email(session, email)
    if user is None:
        user = User(email=email)
        session.add(user)
    user.verified_at = user.verified_at or now()
    user.role_id = (await _admin_role(session)).id
    await session.flush()
    return user


async def _admin_role(session: AsyncSession) -> Role:
    """Return the administrator role; create it if missing."""
    role = await session.scalar(select(Role).where(Role.name == ADMIN_ROLE))
    if role is None:
        role = Role(name=ADMIN_ROLE, permissions=[EVERYTHING])
        session.add(role)
        await session.flush()
    return role
