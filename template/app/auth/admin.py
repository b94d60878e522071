"""Administrators, made from the command line, where nobody has signed in yet."""

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

ROLE = "admin"


@asynccontextmanager
async def sessions() -> AsyncGenerator[async_sessionmaker[AsyncSession], None]:
    """Reach the database that the environment names."""
    engine = migrate.create()
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
    finally:
        await engine.dispose()


def parse_email(given: str) -> str:
    """Read an address; leave, where it is none."""
    try:
        return TypeAdapter(Email).validate_python(given)
    except ValidationError:
        sys.exit(f"{given!r} is no address; write it as in name@example.com.")


async def grant_admin(session: AsyncSession, email: str) -> User:
    """Make an administrator of a user, who is made as well if need be."""
    there = select(User).where(User.email == email, User.deleted_at.is_(None))
    user = await session.scalar(there)
    if user is None:
        user = User(email=email)
        session.add(user)
    user.verified_at = user.verified_at or now()
    user.role_id = (await _administrators(session)).id
    await session.flush()
    return user


async def _administrators(session: AsyncSession) -> Role:
    role = await session.scalar(select(Role).where(Role.name == ROLE))
    if role is None:
        role = Role(name=ROLE, permissions=[EVERYTHING])
        session.add(role)
        await session.flush()
    return role
