"""What is done to users from the command line."""

import io
import sys

import pytest

from app import administration
from app.models.user import EVERYTHING
from app.services.auth import named
from app.settings import read
from app.signing import AuthSettings, Purpose, Signer
from tests.signing_in import PASSWORD


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the password through a pipe."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))


@pytest.mark.usefixtures("piped", "database_url")
async def test_an_administrator_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = await administration.create_admin("Root@Example.com")
    assert said == "root@example.com may do everything."
    async with administration.sessions() as made:
        first = await named(made, "root@example.com")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{PASSWORD}\n"))
    await administration.create_admin("root@example.com")
    async with administration.sessions() as made, made() as session:
        again = await named(made, "root@example.com")
        assert first is not None
        assert again is not None
        assert first.id == again.id
        merged = await session.merge(again)
        await session.refresh(merged, ["role"])
        assert merged.may("anything:write")
        assert merged.role is not None
        assert merged.role.permissions == [EVERYTHING]


@pytest.mark.usefixtures("piped", "database_url")
async def test_a_token_is_printed_for_a_user() -> None:
    await administration.create_admin("root@example.com")
    token = await administration.token("root@example.com")
    assert Signer(read(AuthSettings)).read(token, Purpose.ACCESS)["generation"] == 0


@pytest.mark.usefixtures("database_url")
async def test_a_user_who_is_not_there_has_no_token() -> None:
    with pytest.raises(SystemExit, match="no user"):
        await administration.token("nobody@example.com")


@pytest.mark.parametrize(("email", "password"), [("nobody", PASSWORD), ("a@example.com", "short")])
async def test_what_makes_no_administrator_is_refused(
    monkeypatch: pytest.MonkeyPatch, email: str, password: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(SystemExit) as refused:
        await administration.create_admin(email)
    assert PASSWORD not in str(refused.value)
