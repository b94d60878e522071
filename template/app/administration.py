"""What is done to users from the command line; each gives what is printed in the end."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from getpass import getpass

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app import hashing, migrate, settings
from app.models.base import now
from app.models.user import EVERYTHING, Role, User
from app.schemas.auth import Email, NewPassword
from app.services import auth
from app.signing import AuthSettings, Signer

ADMINISTRATOR = "admin"


@asynccontextmanager
async def sessions() -> AsyncGenerator[async_sessionmaker[AsyncSession], None]:
    """Reach the database that the environment names."""
    engine = migrate.create()
    yield async_sessionmaker(engine, expire_on_commit=False)
    await engine.dispose()


async def create_admin(email: str) -> str:
    """Make an administrator; the password is asked for, or read from a pipe."""
    address, kept = _email(email), await hashing.hashed(_password())
    async with sessions() as made, made.begin() as session:
        user = await auth.named(made, address) or User(email=address, password_hash=kept)
        user.role_id = (await _administrators(session)).id
        user.password_hash, user.verified_at = kept, user.verified_at or now()
        await session.merge(user)
    return f"{address} may do everything."


async def token(email: str) -> str:
    """Print an access token of a user, to try the API with."""
    signer = Signer(settings.read(AuthSettings))
    async with sessions() as made:
        user = await auth.named(made, _email(email))
    if user is None:
        sys.exit(f"There is no user {email}.")
    return auth.access_token(signer, user)


async def _administrators(session: AsyncSession) -> Role:
    role = await session.scalar(select(Role).where(Role.name == ADMINISTRATOR))
    if role is None:
        role = Role(name=ADMINISTRATOR, permissions=[EVERYTHING])
        session.add(role)
        await session.flush()
    return role


def _email(given: str) -> str:
    try:
        return TypeAdapter(Email).validate_python(given)
    except ValidationError:
        sys.exit(f"{given!r} is no address; write it as in name@example.com.")


def _password() -> str:
    given = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        return TypeAdapter(NewPassword).validate_python(given).get_secret_value()
    except ValidationError:
        sys.exit("A password has 12 to 128 characters.")
