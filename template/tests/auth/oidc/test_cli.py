"""Tests of the command that makes users of an identity provider administrators."""

import pytest

from app.auth import admin
from app.auth.oidc import cli
from app.services import user as users


@pytest.mark.usefixtures("database_url")
async def test_create_admin_makes_user_admin_before_first_login() -> None:
    output = await cli.create_admin("Root@Example.com")
    assert output.startswith("Granted the administrator role to root@example.com. ")
    async with admin.session_factory() as sessions, sessions() as session:
        user = await users.lock_by_email(session, "root@example.com")
        assert user is not None
        await session.refresh(user, ["roles"])
    assert user.may("anything:write")


@pytest.mark.usefixtures("database_url")
async def test_create_admin_with_role_mapping_says_that_token_determines_role(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OIDC_ROLES", "admins=admin")
    output = await cli.create_admin("root@example.com")
    assert output.endswith("until the next request, whose token determines the role (OIDC_ROLES).")


@pytest.mark.usefixtures("database_url")
async def test_create_admin_with_non_ascii_address_exits_with_error() -> None:
    with pytest.raises(SystemExit, match="Invalid e-mail address: 'jürgen@example.com'"):
        await cli.create_admin("jürgen@example.com")
