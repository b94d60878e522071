"""JSON Web Tokens (RFC 7519): access tokens, and the tokens in one-time links."""

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

from app.auth.local.weak_secrets import is_guessable
from app.errors import Unauthenticated
from app.models.base import now
from app.settings import (
    PLACEHOLDERS,
    Choice,
    ConfigurationError,
    Environment,
    EnvironmentSettings,
    split,
)

MAX_LENGTH = 4096  # characters of a token; longer ones are rejected unread
LEEWAY = timedelta(seconds=10)  # clock skew between machines
MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2
CLAIMS = ("sub", "iss", "aud", "iat", "exp", "jti", "type")
MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
DEVELOPMENT_KEY = "insecure default, in development and tests only"
KEYS_HELP = (
    "Set it to secrets of at least 32 bytes, the newest first; create one with "
    "`openssl rand -hex 32`."
)
KEY_COMMANDS = {
    "EdDSA": "openssl genpkey -algorithm ed25519 -out key.pem",
    "RS256": "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out key.pem",
}
INVALID = "The token is invalid or expired."

Claims = dict[str, Any]


class Algorithm(Choice):
    """Signature algorithms: a shared secret (HS256), or a private key with a public one.

    RFC 7518, section 3.1, and RFC 8037 (EdDSA).
    """

    HS256 = "HS256"
    EDDSA = "EdDSA"
    RS256 = "RS256"


class Purpose(StrEnum):
    """Purpose of a token (claim `type`), such as access.

    A token is valid for one purpose only.
    """

    ACCESS = "access"
    VERIFY = "verify"
    RESET = "reset"
    CHANGE_EMAIL = "change_email"


class AuthSettings(EnvironmentSettings):
    """Settings of accounts: signing keys, token lifetimes, registration."""

    model_config = SettingsConfigDict(env_prefix="AUTH_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    algorithm: Algorithm = Field(Algorithm.HS256, description="Set it to HS256, EdDSA or RS256.")
    keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(split)] = Field(
        (), description=KEYS_HELP, validate_default=True
    )
    issuer: str = Field(
        "app", min_length=1, description="Set it to the service's name (claim iss)."
    )
    audience: str = Field("app", min_length=1, description="Set it to the API's name (claim aud).")
    access_minutes: PositiveInt = Field(15, description="Set it to a number of minutes.")
    refresh_days: PositiveInt = Field(30, description="Set it to a number of days.")
    session_days: PositiveInt = Field(90, description="Set it to a number of days.")
    require_verified: bool = Field(default=True, description="Set it to true or false.")
    registration: bool | None = Field(
        None, description="Set it to true or false; by default, registration is off in production."
    )

    @property
    def allows_registration(self) -> bool:
        is_production = self.environment is Environment.PRODUCTION
        return not is_production if self.registration is None else self.registration

    @field_validator("keys")
    @classmethod
    def validate_keys(
        cls, keys: tuple[SecretStr, ...], info: ValidationInfo
    ) -> tuple[SecretStr, ...]:
        """Reject missing keys in production, and weak HS256 secrets.

        Default to an insecure key elsewhere.
        """
        if not keys and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        if info.data.get("algorithm") is Algorithm.HS256:
            is_production = info.data.get("environment") is Environment.PRODUCTION
            for key in keys:
                _validate_secret(key.get_secret_value(), is_production=is_production)
        return keys or (SecretStr(DEVELOPMENT_KEY),)


def _validate_secret(secret: str, *, is_production: bool) -> None:
    lowercase = secret.lower()
    is_repetition = any(word * 2 in lowercase for word in PLACEHOLDERS)
    if len(secret.encode()) < MIN_SECRET_BYTES or is_repetition:
        message = f"A secret is shorter than {MIN_SECRET_BYTES} bytes, or a placeholder"
        raise ValueError(message)
    if is_production and is_guessable(secret):
        message = "A secret is published, or a pattern that is easy to guess"
        raise ValueError(message)


@dataclass(frozen=True)
class Key:
    """A signing key and its key ID (header `kid`).

    With HS256, the private key and the public key are the same.
    """

    name: str
    private: Any = field(repr=False)
    public: Any = field(repr=False)


class Signer:
    """Signs tokens with the newest key, and verifies tokens with all configured keys (rotation)."""

    def __init__(self, config: AuthSettings) -> None:
        self.config = config
        keys = [_load_key(config.algorithm, key.get_secret_value()) for key in config.keys]
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
        """Return a signed token with a subject, purpose and lifetime.

        Args:
            subject: the user's ID (claim `sub`)
            purpose: the only purpose for which the token is accepted
            lifetime: time from issue to expiry
            issued: time of issue (claim `iat`); default: now
            more: further claims, which do not replace those above
        """
        issued_at = issued or now()
        claims = {
            "sub": subject,
            "iss": self.config.issuer,
            "aud": self.config.audience,
            "iat": issued_at.timestamp(),  # a fraction is allowed (RFC 7519, section 2)
            "exp": issued_at + lifetime,
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
        """Verify a token and return its claims.

        Raises:
            Unauthenticated: the token is invalid, expired, or has another purpose; all cases have
            the same message, so an attacker learns nothing from it.
        """
        try:
            claims = self._decode(token)
        except (jwt.PyJWTError, LookupError, ValueError):
            claims = {}
        if claims.get("type") != purpose:
            raise Unauthenticated(INVALID)
        return claims

    def _decode(self, token: str) -> Claims:
        if len(token) > MAX_LENGTH:
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

    def public_keys(self) -> list[dict[str, Any]]:
        """Return the public keys as JSON Web Keys (RFC 7517), or none for a shared secret."""
        if self.config.algorithm is Algorithm.HS256:
            return []
        return [
            _public_jwk(self.config.algorithm, key.public)
            | {"kid": key.name, "use": "sig", "alg": self.config.algorithm}
            for key in self.keys.values()
        ]


def _load_key(algorithm: Algorithm, value: str) -> Key:
    """Parse a key setting: a secret (HS256), or the path of a private key in PEM format."""
    if algorithm is Algorithm.HS256:
        return Key(hashlib.sha256(b"name of " + value.encode()).hexdigest()[:16], value, value)
    private: Any = _load_private_key(algorithm, Path(value))
    public = private.public_key()
    members = _public_jwk(algorithm, public)
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))  # thumbprint (RFC 7638)
    return Key(hashlib.sha256(text.encode()).hexdigest()[:16], private, public)


def _load_private_key(algorithm: Algorithm, path: Path) -> Any:  # noqa: ANN401
    """Load a private key from a PEM file.

    Raises:
        ConfigurationError: the file is missing, has another kind of key, or its key is too short.
    """
    try:
        key: Any = get_default_algorithms()[algorithm].prepare_key(path.read_bytes())
        public = key.public_key()
    except (AttributeError, OSError, TypeError, ValueError, jwt.InvalidKeyError):
        problem = f"not the path of a private key for {algorithm} in PEM format"
    else:
        if algorithm is not Algorithm.RS256 or public.key_size >= MIN_RSA_BITS:
            return key
        problem = f"an RSA key is shorter than {MIN_RSA_BITS} bits"
    message = f"AUTH_KEYS: {problem}. Create one with `{KEY_COMMANDS[algorithm]}`."
    raise ConfigurationError(message)


def _public_jwk(algorithm: Algorithm, public: Any) -> dict[str, Any]:  # noqa: ANN401
    implementation: Any = get_default_algorithms()[algorithm]
    members = implementation.to_jwk(public, as_dict=True)
    return {name: members[name] for name in ("crv", "e", "kty", "n", "x") if name in members}
