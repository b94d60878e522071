"""Tests of the command that makes users of an identity provider administrators."""

import pytest

from app.auth import admin
from app.auth.oidc import cli
from app.services import user as users


@pytest.mark.usefixtures("database_url")
async def test_create_admin_makes_user_admin_before_first_login() -> None:
    output = await cli.create_admin("Root@Example.com")
    assert output.startswith("Granted the administrator role to root@example.com")
    async with admin.session_factory() as sessions, sessions() as session:
        user = await users.lock_by_email(session, "root@example.com")
        assert user is not None
        await session.refresh(user, ["roles"])
    assert user.may("anything:write")
