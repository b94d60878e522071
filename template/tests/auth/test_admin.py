"""Tests of the administrator role, and of its assignment to users."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.auth import admin
from app.models.user import EVERYTHING, User
from tests.support.auth import make_user


async def test_second_grant_admin_changes_nothing(session: AsyncSession) -> None:
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


async def test_grant_admin_reuses_existing_user_with_same_email(session: AsyncSession) -> None:
    user = await make_user(session)
    assert (await admin.grant_admin(session, user.email)).id == user.id


def test_parse_email_returns_lowercase_address() -> None:
    assert admin.parse_email("Root@Example.com") == "root@example.com"


def test_parse_email_with_invalid_address_exits() -> None:
    with pytest.raises(SystemExit, match="Invalid e-mail address"):
        admin.parse_email("nobody")
