"""Tests of JSON Web Tokens: signature, claims, purpose, key rotation."""

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
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

from app.auth.local.tokens import (
    CLAIMS,
    DEVELOPMENT_KEY,
    MAX_LENGTH,
    AuthSettings,
    Purpose,
    Signer,
)
from app.errors import Unauthenticated
from app.settings import ConfigurationError, read

MINUTE = timedelta(minutes=1)
SECRETS = ("a" * 64, "b" * 64)


def make_signer(patch: pytest.MonkeyPatch, **variables: str) -> Signer:
    """Set the environment variables of a token signer; return the signer."""
    for name, value in {"keys": SECRETS[0], **variables}.items():
        patch.setenv(f"AUTH_{name}".upper(), value)
    return Signer(read(AuthSettings))


def private_key(directory: Path, algorithm: str) -> str:
    """Write a new private key (PEM); return its path."""
    key = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm == "EdDSA"
        else rsa.generate_private_key(65537, 2048)
    )
    path = directory / f"{len(list(directory.iterdir()))}.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


def forge(signer: Signer, key: Any = None, **changes: Any) -> str:  # noqa: ANN401
    """Return a token with changed claims or headers.

    A claim whose value is None is omitted.
    """
    issued_at = datetime.now(UTC)
    header = {"kid": signer.newest.name, "alg": "HS256"}
    header |= {name: changes.pop(name) for name in ("alg", "kid") if name in changes}
    claims = {
        "sub": "1",
        "iss": "app",
        "aud": "app",
        "iat": issued_at,
        "jti": "1",
        "type": "access",
    }
    claims |= {"exp": issued_at + MINUTE} | changes
    payload = {name: value for name, value in claims.items() if value is not None}
    key_id = {"kid": header["kid"]} if header["kid"] else {}
    return jwt.encode(payload, key or signer.newest.private, header["alg"], key_id)


def test_read_returns_signed_token_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = make_signer(monkeypatch)
    claims = signer.read(signer.sign("7", Purpose.ACCESS, MINUTE, more=1), Purpose.ACCESS)
    assert claims["sub"] == "7"
    assert claims["more"] == 1
    assert signer.read(forge(signer), Purpose.ACCESS)["sub"] == "1"  # `forge` works


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
        {"more": "x" * MAX_LENGTH},
        *({name: None} for name in CLAIMS),
    ],
    ids=lambda changes: " ".join(f"{name}={str(value)[:12]}" for name, value in changes.items()),
)
def test_token_with_wrong_claim_or_key_is_rejected(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    signer = make_signer(monkeypatch)
    with pytest.raises(Unauthenticated):
        signer.read(forge(signer, **changes), Purpose.ACCESS)


@pytest.mark.parametrize("token", ["", "a.b.c", "é", "." * 3, "eyJhbGciOiJub25lIn0.e30."])
def test_malformed_token_is_rejected(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    with pytest.raises(Unauthenticated):
        make_signer(monkeypatch).read(token, Purpose.ACCESS)


def test_unsigned_token_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = make_signer(monkeypatch)
    claims = jwt.decode(forge(signer), options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", "none", {"kid": signer.newest.name})
    with pytest.raises(Unauthenticated):
        signer.read(unsigned, Purpose.ACCESS)


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_published_public_key_verifies_tokens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    signer = make_signer(monkeypatch, algorithm=algorithm, keys=private_key(tmp_path, algorithm))
    signed = signer.sign("7", Purpose.ACCESS, MINUTE)
    assert signer.read(signed, Purpose.ACCESS)["sub"] == "7"
    (published,) = jwt.PyJWKSet.from_dict({"keys": signer.public_keys()}).keys
    assert jwt.decode(signed, published.key, [algorithm], audience="app")["sub"] == "7"
    assert "d" not in signer.public_keys()[0]


@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_token_with_public_key_as_hmac_secret_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    signer = make_signer(monkeypatch, algorithm=algorithm, keys=private_key(tmp_path, algorithm))
    public = signer.newest.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed, _, _ = forge(signer, key="x" * 64).rpartition(".")  # header: HS256
    signature = hmac.digest(public, signed.encode(), "sha256")
    with pytest.raises(Unauthenticated):
        signer.read(f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}", Purpose.ACCESS)


def test_shared_secret_is_not_among_public_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_signer(monkeypatch).public_keys() == []


def test_token_is_valid_until_its_rotated_key_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = make_signer(monkeypatch).sign("7", Purpose.ACCESS, MINUTE)
    signer = make_signer(monkeypatch, keys=",".join(reversed(SECRETS)))
    assert signer.read(token, Purpose.ACCESS)["sub"] == "7"
    assert signer.newest.private == SECRETS[1]
    with pytest.raises(Unauthenticated):
        make_signer(monkeypatch, keys=SECRETS[1]).read(token, Purpose.ACCESS)


@pytest.mark.parametrize("secret", ["", "tiny", "change-me" * 8, "secret" * 10, "password" * 5])
def test_weak_signing_secret_is_rejected(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match=r"^AUTH_KEYS: ") as raised:
        make_signer(monkeypatch, keys=secret)
    assert not secret or secret not in str(raised.value)


@pytest.mark.parametrize(
    "secret",
    [
        DEVELOPMENT_KEY,
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "a" * 64,
        "a" * 63 + "b",
        "12345678" * 4,
        "0123456789" * 3 + "01",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "my-secret-key-change-me-in-production",
        "your-256-bit-secret, or so they say on a page",
    ],
)
def test_published_or_guessable_secret_is_rejected_in_production(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    assert make_signer(monkeypatch, keys=json.dumps([secret])).newest.private == secret
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ConfigurationError, match=r"^AUTH_KEYS: A secret is published") as raised:
        make_signer(monkeypatch, keys=json.dumps([token_hex(32), secret]))
    assert secret not in str(raised.value)


@pytest.mark.parametrize(
    "secret", ["8d0ea7b9a4f0cb1f7f2d6fe5a4b3c921", "Rk9vMnB1c3oqN0U4dGVzdGtleQ+/a8Zq"]
)
def test_random_secret_is_accepted_in_production(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert make_signer(monkeypatch, keys=secret).newest.private == secret


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_short_or_missing_private_key_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, algorithm: str
) -> None:
    path = tmp_path / "short.pem"
    with pytest.raises(ConfigurationError, match=r"^AUTH_KEYS: not the path.*openssl genpkey"):
        make_signer(monkeypatch, algorithm=algorithm, keys=str(path))
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 - too short on purpose
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    problem = "an RSA key is shorter than 2048 bits" if algorithm == "RS256" else "not the path"
    with pytest.raises(ConfigurationError, match=f"^AUTH_KEYS: {problem}"):
        make_signer(monkeypatch, algorithm=algorithm, keys=str(path))


def test_production_without_auth_keys_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.delenv("AUTH_KEYS")
    with pytest.raises(ConfigurationError, match=r"^AUTH_KEYS: .*missing"):
        read(AuthSettings)


def test_signer_repr_hides_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = make_signer(monkeypatch)
    assert SECRETS[0] not in repr((signer, signer.keys, signer.config))
