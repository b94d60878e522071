"""Tests of the development identity provider."""

import os
from pathlib import Path
from threading import Thread

import jwt
import pytest
import uvicorn

from development import identity_provider


@pytest.fixture(autouse=True)
def url_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the provider store its URL in a temporary file."""
    monkeypatch.setattr(identity_provider, "URL_FILE", tmp_path / "dev" / "issuer")
    return identity_provider.URL_FILE


async def test_running_identity_provider_issues_tokens(
    monkeypatch: pytest.MonkeyPatch, url_file: Path
) -> None:
    monkeypatch.delenv("OIDC_ISSUER")
    with identity_provider.beside():
        issuer = os.environ["OIDC_ISSUER"]
        token = await identity_provider.token("admin@example.com")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == issuer
    assert claims["email"] == "admin@example.com"
    assert not list(url_file.parent.iterdir())


async def test_token_command_without_running_provider_exits_with_error() -> None:
    with pytest.raises(SystemExit, match="does not run"):
        await identity_provider.token("admin@example.com")


def test_configured_issuer_starts_no_identity_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://login.example.com")
    with identity_provider.beside():
        assert os.environ["OIDC_ISSUER"] == "https://login.example.com"


def test_failed_identity_provider_start_raises() -> None:
    server = uvicorn.Server(uvicorn.Config(identity_provider.IdentityProvider().app()))
    with pytest.raises(ChildProcessError, match="did not start"):
        identity_provider.wait_until_started(server, Thread())
