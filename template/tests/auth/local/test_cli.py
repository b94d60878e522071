"""Tests of the commands that create administrators and access tokens."""

import io
import sys

import pytest
from sqlalchemy import select

from app.auth import admin
from app.auth.local import cli, passwords
from app.auth.local.tokens import AuthSettings, Purpose, Signer
from app.models.password import Password
from app.settings import read
from tests.support.local import PASSWORD


@pytest.fixture
def piped_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a password to standard input."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))


@pytest.mark.usefixtures("piped_password", "database_url")
async def test_create_admin_reads_password_from_stdin() -> None:
    output = await cli.create_admin("Root@Example.com")
    assert output == "Created administrator root@example.com."
    async with admin.session_factory() as sessions, sessions() as session:
        password_hash = await session.scalar(select(Password.hash))
    assert (await passwords.verify_password(PASSWORD, password_hash))[0]


@pytest.mark.usefixtures("piped_password", "database_url")
async def test_token_command_returns_access_token() -> None:
    await cli.create_admin("root@example.com")
    token = await cli.token("root@example.com")
    assert Signer(read(AuthSettings)).read(token, Purpose.ACCESS)


@pytest.mark.usefixtures("database_url")
async def test_token_command_for_unknown_user_exits_with_error() -> None:
    with pytest.raises(SystemExit, match="does not exist"):
        await cli.token("nobody@example.com")


@pytest.mark.parametrize(("email", "password"), [("nobody", PASSWORD), ("a@example.com", "short")])
async def test_create_admin_with_invalid_input_exits_with_error(
    monkeypatch: pytest.MonkeyPatch, email: str, password: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(SystemExit) as raised:
        await cli.create_admin(email)
    assert PASSWORD not in str(raised.value)
