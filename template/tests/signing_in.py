"""Somebody who signs in: users for tests, with passwords that are hashed at once."""

from datetime import timedelta
from itertools import count

from httpx2 import AsyncClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.user import EVERYTHING, Role, User
from app.settings import read
from app.signing import AuthSettings, Purpose, Signer

PASSWORD = "correct horse battery staple"
QUICK = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
HASHED = QUICK.hash(PASSWORD)

_numbers = count(1)


async def make_user(session: AsyncSession, *permissions: str, **changes: object) -> User:
    """Make a user who may do some things, and is kept."""
    user = User(email=f"user{next(_numbers)}@example.com", password_hash=HASHED)
    for name, value in changes.items():
        setattr(user, name, value)
    user.role = await make_role(session, *permissions) if permissions else None
    session.add(user)
    await session.commit()
    return user


async def make_role(session: AsyncSession, *permissions: str) -> Role:
    """Make a role, or find it."""
    name = " ".join(permissions)[:40]
    role = await session.scalar(select(Role).where(Role.name == name))
    if role is None:
        role = Role(name=name, permissions=list(permissions))
        session.add(role)
        await session.flush()
    return role


def bearer(user: User, **changes: object) -> dict[str, str]:
    """Write the header that shows who calls."""
    signer = Signer(read(AuthSettings))
    given = {"generation": user.generation} | changes
    token = signer.sign(str(user.id), Purpose.ACCESS, timedelta(minutes=15), **given)
    return {"Authorization": f"Bearer {token}"}


async def sign_in(client: AsyncClient, session: AsyncSession) -> None:
    """Make a client somebody who may do everything."""
    client.headers |= bearer(await make_user(session, EVERYTHING))
