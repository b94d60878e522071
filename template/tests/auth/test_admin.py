"""Tests of the administrator role, and of its assignment to users."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import admin
from app.models.base import now
from app.models.user import EVERYTHING, Role, User
from app.services.role import ADMIN_ROLE
from tests.support.auth import make_user


async def test_second_grant_admin_changes_nothing(session: AsyncSession) -> None:
    first = await admin.grant_admin(session, "root@example.com")
    second = await admin.grant_admin(session, "root@example.com")
    assert first.id == second.id
    (user,) = (await session.scalars(select(User))).all()
    assert user.may("anything:write")
    assert [role.permissions for role in user.roles] == [[EVERYTHING]]


async def test_grant_admin_reuses_existing_user_with_same_email(session: AsyncSession) -> None:
    user = await make_user(session, "products:write")
    assert (await admin.grant_admin(session, user.email)).id == user.id
    assert {role.name for role in user.roles} == {"admin", "products:write"}


@pytest.mark.parametrize("state", ["deleted_at", "disabled_at"])
async def test_grant_admin_restores_user_and_role(session: AsyncSession, state: str) -> None:
    session.add(Role(name=ADMIN_ROLE, permissions=["users:read"]))
    user = await make_user(session, verified_at=None, **{state: now()})
    await admin.grant_admin(session, user.email)
    assert user.is_active
    assert user.verified_at
    assert user.permissions == {EVERYTHING}


def test_parse_email_returns_lowercase_address() -> None:
    assert admin.parse_email("Root@Example.com") == "root@example.com"


def test_parse_email_with_invalid_address_exits() -> None:
    with pytest.raises(SystemExit, match="Invalid e-mail address"):
        admin.parse_email("nobody")
