"""The identity provider that `app dev` brings."""

import os
from pathlib import Path
from threading import Thread

import jwt
import pytest
import uvicorn

from development import identity_provider


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have its address kept for one test."""
    monkeypatch.setattr(identity_provider, "ADDRESS", tmp_path / "kept" / "issuer")
    return identity_provider.ADDRESS


async def test_it_gives_tokens_while_it_runs(
    monkeypatch: pytest.MonkeyPatch, address: Path
) -> None:
    monkeypatch.delenv("OIDC_ISSUER")
    with identity_provider.beside():
        given = os.environ["OIDC_ISSUER"]
        token = await identity_provider.token("admin@example.com")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["email"]) == (given, "admin@example.com")
    assert not list(address.parent.iterdir())


async def test_without_it_there_are_no_tokens() -> None:
    with pytest.raises(SystemExit, match="does not run"):
        await identity_provider.token("admin@example.com")


def test_one_that_is_given_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://login.example.com")
    with identity_provider.beside():
        assert os.environ["OIDC_ISSUER"] == "https://login.example.com"


def test_server_that_does_not_start_raises() -> None:
    server = uvicorn.Server(uvicorn.Config(identity_provider.Issuer().app()))
    with pytest.raises(ChildProcessError, match="did not start"):
        identity_provider.wait_until_started(server, Thread())
