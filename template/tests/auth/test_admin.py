"""Tests of administrators: the role, and its assignment."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.auth import admin
from app.models.user import EVERYTHING, User
from tests.support.auth import make_user


async def test_grant_admin_is_idempotent(session: AsyncSession) -> None:
    first = await admin.grant_admin(session, "root@example.com")
    second = await admin.grant_admin(session, "root@example.com")
    assert first.id == second.id
    user = await session.scalar(
        select(User).options(joinedload(User.role)).where(User.role_id.is_not(None))
    )
    assert user is not None
    assert user.may("anything:write")
    assert user.role is not None
    assert user.role.permissions == [EVERYTHING]


async def test_grant_admin_to_existing_user(session: AsyncSession) -> None:
    user = await make_user(session)
    assert (await admin.grant_admin(session, user.email)).id == user.id


def test_email_is_lowercased() -> None:
    assert admin.parse_email("Root@Example.com") == "root@example.com"


def test_invalid_email_exits() -> None:
    with pytest.raises(SystemExit, match="Invalid e-mail address"):
        admin.parse_email("nobody")
