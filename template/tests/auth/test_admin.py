"""Administrators, made from the command line."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.auth import admin
from app.models.user import EVERYTHING, User
from tests.support.auth import make_user


async def test_an_administrator_is_made_once(session: AsyncSession) -> None:
    first = await admin.grant_admin(session, "root@example.com")
    again = await admin.grant_admin(session, "root@example.com")
    assert first.id == again.id
    kept = await session.scalar(
        select(User).options(joinedload(User.role)).where(User.role_id.is_not(None))
    )
    assert kept is not None
    assert kept.may("anything:write")
    assert kept.role is not None
    assert kept.role.permissions == [EVERYTHING]


async def test_a_user_is_made_an_administrator(session: AsyncSession) -> None:
    user = await make_user(session)
    assert (await admin.grant_admin(session, user.email)).id == user.id


def test_an_address_is_read_in_small_letters() -> None:
    assert admin.parse_email("Root@Example.com") == "root@example.com"


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(SystemExit, match="no address"):
        admin.parse_email("nobody")
