"""Signed tokens (RFC 7519): access tokens, and those of links that work once."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import jwt
from jwt.algorithms import get_default_algorithms
from pydantic import BeforeValidator, Field, PositiveInt, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from app.errors import Unauthenticated
from app.models.base import now
from app.settings import PLACEHOLDERS, Environment, EnvironmentSettings, split

LONGEST = 4096  # characters of a token that is looked at
LEEWAY = timedelta(seconds=10)  # by which the clocks of machines may differ
SHORTEST = 32  # bytes of a secret (RFC 7518, section 3.2)
CLAIMS = ("sub", "iss", "aud", "iat", "exp", "jti", "type")
DEVELOPMENT = "for development and tests; everybody knows it"
HOW = "Set it to secrets of 32 bytes or more, the newest first; `openssl rand -hex 32` makes one."

Claims = dict[str, Any]


class Algorithm(StrEnum):
    """How tokens are signed: with a secret, or with a private key whose public one is published."""

    HS256 = "HS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


class Purpose(StrEnum):
    """What a token is for; it is good for nothing else."""

    ACCESS = "access"
    VERIFY = "verify"
    RESET = "reset"


class AuthSettings(EnvironmentSettings):
    """How people sign in, and for how long."""

    model_config = SettingsConfigDict(env_prefix="AUTH_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    algorithm: Algorithm = Field(Algorithm.HS256, description="Set it to HS256, EdDSA or RS256.")
    keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = Field(
        (), description=HOW, validate_default=True
    )
    issuer: str = Field("app", min_length=1, description="Set it to the service's name.")
    audience: str = Field("app", min_length=1, description="Set it to the name of the API.")
    access_minutes: PositiveInt = Field(15, description="Set it to a number of minutes.")
    refresh_days: PositiveInt = Field(30, description="Set it to a number of days.")
    registration: bool = Field(default=True, description="Set it to true or false.")

    @field_validator("keys")
    @classmethod
    def usable(cls, keys: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        """Refuse secrets that can be guessed; outside production, none has to be given."""
        if not keys and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        if info.data.get("algorithm") is Algorithm.HS256:
            for key in keys:
                _check(key.get_secret_value())
        return keys or (SecretStr(DEVELOPMENT),)


def _check(secret: str) -> None:
    words = secret.lower()
    if len(secret.encode()) < SHORTEST or any(word * 2 in words for word in PLACEHOLDERS):
        message = "A secret is too short, or a placeholder"
        raise ValueError(message)


@dataclass(frozen=True)
class Key:
    """A key, and the name by which tokens say that it signed them."""

    name: str
    private: Any = field(repr=False)
    public: Any = field(repr=False)


class Signer:
    """Signs with the newest key, and reads what any of them signed."""

    def __init__(self, config: AuthSettings) -> None:
        self.config = config
        keys = [_key(config.algorithm, key.get_secret_value()) for key in config.keys]
        self.newest = keys[0]
        self.keys = {key.name: key for key in keys}

    def sign(
        self,
        subject: str,
        purpose: Purpose,
        lifetime: timedelta,
        issued: datetime | None = None,
        **more: object,
    ) -> str:
        """Sign a token about a subject, issued now unless that is to be another time."""
        moment = issued or now()
        claims = {
            "sub": subject,
            "iss": self.config.issuer,
            "aud": self.config.audience,
            "iat": moment.timestamp(),  # with fractions, as RFC 7519 has it
            "exp": moment + lifetime,
            "jti": str(uuid4()),
            "type": purpose,
        }
        return jwt.encode(
            {**more, **claims},
            self.newest.private,
            self.config.algorithm,
            {"kid": self.newest.name},
        )

    def read(self, token: str, purpose: Purpose) -> Claims:
        """Read a token of this service's own, of this purpose.

        Raises:
            Unauthenticated: it is anything else, or has expired; the words are always the same.
        """
        try:
            claims = self._decoded(token)
        except (jwt.PyJWTError, LookupError, ValueError):
            claims = {}
        if claims.get("type") != purpose:
            message = "The token is not valid, or no longer."
            raise Unauthenticated(message)
        return claims

    def _decoded(self, token: str) -> Claims:
        if len(token) > LONGEST:
            raise ValueError
        name = jwt.get_unverified_header(token)["kid"]
        return jwt.decode(
            token,
            self.keys[name].public,
            algorithms=[self.config.algorithm],
            audience=self.config.audience,
            issuer=self.config.issuer,
            leeway=LEEWAY,
            options={"require": list(CLAIMS)},
        )

    def published(self) -> list[dict[str, Any]]:
        """List the public keys (RFC 7517); a secret has none."""
        if self.config.algorithm is Algorithm.HS256:
            return []
        return [
            _public(self.config.algorithm, key.public)
            | {"kid": key.name, "use": "sig", "alg": self.config.algorithm}
            for key in self.keys.values()
        ]


def _key(algorithm: Algorithm, given: str) -> Key:
    """Make a key of a secret, or of the file that holds a private key (PEM)."""
    if algorithm is Algorithm.HS256:
        return Key(hashlib.sha256(b"name of " + given.encode()).hexdigest()[:16], given, given)
    private: Any = get_default_algorithms()[algorithm].prepare_key(Path(given).read_bytes())
    public = private.public_key()
    members = _public(algorithm, public)
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))  # RFC 7638
    return Key(hashlib.sha256(text.encode()).hexdigest()[:16], private, public)


def _public(algorithm: Algorithm, public: Any) -> dict[str, Any]:  # noqa: ANN401
    found: Any = get_default_algorithms()[algorithm]
    members = found.to_jwk(public, as_dict=True)
    return {name: members[name] for name in ("crv", "e", "kty", "n", "x") if name in members}


def expiry(config: AuthSettings) -> datetime:
    """Say when a refresh token that is made now expires."""
    return now() + timedelta(days=config.refresh_days)
