"""Tokens: only those are read that this service signed, for this purpose, a moment ago."""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from app.auth.local.tokens import CLAIMS, LONGEST, AuthSettings, Purpose, Signer
from app.errors import Unauthenticated
from app.settings import ConfigurationError, read

MINUTE = timedelta(minutes=1)
SECRETS = ("a" * 64, "b" * 64)


def signer(patch: pytest.MonkeyPatch, **variables: str) -> Signer:
    """Make a signer, as the environment has it."""
    for name, value in {"keys": SECRETS[0], **variables}.items():
        patch.setenv(f"AUTH_{name}".upper(), value)
    return Signer(read(AuthSettings))


def private_key(directory: Path, algorithm: str) -> str:
    """Write a new private key, and give its path."""
    made = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm == "EdDSA"
        else rsa.generate_private_key(65537, 2048)
    )
    path = directory / f"{len(list(directory.iterdir()))}.pem"
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


def forged(tokens: Signer, key: Any = None, **changes: Any) -> str:  # noqa: ANN401
    """Sign a token by hand, with claims or headers changed; None leaves one out."""
    moment = datetime.now(UTC)
    header = {"kid": tokens.newest.name, "alg": "HS256"}
    header |= {name: changes.pop(name) for name in ("alg", "kid") if name in changes}
    claims = {"sub": "1", "iss": "app", "aud": "app", "iat": moment, "jti": "1", "type": "access"}
    claims |= {"exp": moment + MINUTE} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    named = {"kid": header["kid"]} if header["kid"] else {}
    return jwt.encode(kept, key or tokens.newest.private, header["alg"], named)


def test_what_was_signed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = signer(monkeypatch)
    read_back = tokens.read(tokens.sign("7", Purpose.ACCESS, MINUTE, more=1), Purpose.ACCESS)
    assert (read_back["sub"], read_back["more"]) == ("7", 1)
    assert tokens.read(forged(tokens), Purpose.ACCESS)["sub"] == "1"  # so the forger is able


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "another"},
        {"exp": datetime(2026, 1, 1, tzinfo=UTC)},
        {"iat": datetime(2999, 1, 1, tzinfo=UTC), "exp": datetime(2999, 1, 2, tzinfo=UTC)},
        {"kid": "unknown"},
        {"kid": None},
        {"key": "c" * 64},
        {"type": "reset"},
        {"more": "x" * LONGEST},
        *({name: None} for name in CLAIMS),
    ],
    ids=lambda changes: " ".join(f"{name}={str(value)[:12]}" for name, value in changes.items()),
)
def test_any_other_token_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    tokens = signer(monkeypatch)
    with pytest.raises(Unauthenticated):
        tokens.read(forged(tokens, **changes), Purpose.ACCESS)


@pytest.mark.parametrize("token", ["", "a.b.c", "é", "." * 3, "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    with pytest.raises(Unauthenticated):
        signer(monkeypatch).read(token, Purpose.ACCESS)


def test_a_token_without_a_signature_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = signer(monkeypatch)
    claims = jwt.decode(forged(tokens), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", "none", {"kid": tokens.newest.name})
    with pytest.raises(Unauthenticated):
        tokens.read(unsigned, Purpose.ACCESS)


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_a_public_key_is_published(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    tokens = signer(monkeypatch, algorithm=algorithm, keys=private_key(tmp_path, algorithm))
    signed = tokens.sign("7", Purpose.ACCESS, MINUTE)
    assert tokens.read(signed, Purpose.ACCESS)["sub"] == "7"
    (published,) = jwt.PyJWKSet.from_dict({"keys": tokens.published()}).keys
    assert jwt.decode(signed, published.key, [algorithm], audience="app")["sub"] == "7"
    assert "d" not in tokens.published()[0]


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_a_public_key_makes_no_signature(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    tokens = signer(monkeypatch, algorithm=algorithm, keys=private_key(tmp_path, algorithm))
    public = tokens.newest.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed, _, _ = forged(tokens, key="x" * 64).rpartition(".")  # says HS256
    made = hmac.digest(public, signed.encode(), "sha256")
    with pytest.raises(Unauthenticated):
        tokens.read(f"{signed}.{urlsafe_b64encode(made).decode().rstrip('=')}", Purpose.ACCESS)


def test_a_secret_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    assert signer(monkeypatch).published() == []


def test_an_older_key_is_good_until_it_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    old = signer(monkeypatch).sign("7", Purpose.ACCESS, MINUTE)
    both = signer(monkeypatch, keys=",".join(reversed(SECRETS)))
    assert both.read(old, Purpose.ACCESS)["sub"] == "7"
    assert both.newest.private == SECRETS[1]
    with pytest.raises(Unauthenticated):
        signer(monkeypatch, keys=SECRETS[1]).read(old, Purpose.ACCESS)


@pytest.mark.parametrize("secret", ["", "tiny", "change-me" * 8, "secret" * 10, "password" * 5])
def test_a_secret_that_can_be_guessed_does_not_boot(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match=r"^AUTH_KEYS: ") as refused:
        signer(monkeypatch, keys=secret)
    assert not secret or secret not in str(refused.value)


def test_production_needs_keys_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.delenv("AUTH_KEYS")
    with pytest.raises(ConfigurationError, match=r"^AUTH_KEYS: .*missing"):
        read(AuthSettings)


def test_keys_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = signer(monkeypatch)
    assert SECRETS[0] not in repr((tokens, tokens.keys, tokens.config))
