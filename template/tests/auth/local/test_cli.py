"""What is done to accounts from the command line."""

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
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the password through a pipe."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))


@pytest.mark.usefixtures("piped", "database_url")
async def test_an_administrator_has_the_password_that_was_piped() -> None:
    said = await cli.create_admin("Root@Example.com")
    assert said == "root@example.com may do everything."
    async with admin.sessions() as made, made() as session:
        kept = await session.scalar(select(Password.hash))
    assert (await passwords.verify_password(PASSWORD, kept))[0]


@pytest.mark.usefixtures("piped", "database_url")
async def test_a_token_is_printed_for_a_user() -> None:
    await cli.create_admin("root@example.com")
    token = await cli.token("root@example.com")
    assert Signer(read(AuthSettings)).read(token, Purpose.ACCESS)


@pytest.mark.usefixtures("database_url")
async def test_a_user_who_is_not_there_has_no_token() -> None:
    with pytest.raises(SystemExit, match="no user"):
        await cli.token("nobody@example.com")


@pytest.mark.parametrize(("email", "password"), [("nobody", PASSWORD), ("a@example.com", "short")])
async def test_what_makes_no_administrator_is_refused(
    monkeypatch: pytest.MonkeyPatch, email: str, password: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(SystemExit) as refused:
        await cli.create_admin(email)
    assert PASSWORD not in str(refused.value)
