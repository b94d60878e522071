"""Accounts of an identity provider: what its tokens say, and which user that is.

Tokens are those of OpenID Connect, or OAuth 2.0 (RFC 9068): signed with a key that the provider
publishes, and meant for this service.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

import jwt
from fastapi import FastAPI
from fastapi.openapi.models import OpenIdConnect
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import NoDecode, SettingsConfigDict
from starlette.requests import HTTPConnection

from app import settings
from app.auth.oidc.provider import Provider
from app.database import READERS, SESSIONS
from app.errors import Forbidden, Unauthenticated
from app.http_client import HTTP_CLIENT
from app.models.user import User
from app.schemas.user import Email
from app.services import identity as identities
from app.services.identity import ExternalUser
from app.settings import Environment, EnvironmentSettings
from app.state import StateKey

LONGEST = 16_384  # characters of a token that is looked at; some carry a list of groups
LONGEST_SUBJECT = 255  # characters (OpenID Connect Core 1.0, section 2)
HERE = {"127.0.0.1", "::1", "localhost"}  # hosts that nobody is on the way to
LEEWAY = timedelta(seconds=30)  # by which the clocks of machines may differ
CLAIMS = ("sub", "iss", "aud", "iat", "exp")
VOID = "The token is not valid, or no longer."
NAMELESS = "The identity provider does not tell a verified address with this token."

Claims = Mapping[str, Any]


class Algorithm(StrEnum):
    """How a provider may sign: with a private key, never with a secret."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    ES256 = "ES256"
    ES384 = "ES384"
    EDDSA = "EdDSA"


def pairs(value: object) -> object:
    """Read `admins=admin, staff=clerk` as a mapping, in this order."""
    if not isinstance(value, str):
        return value
    parts = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(left.strip() and right.strip() for left, _, right in parts):
        message = "It is no list of pairs"
        raise ValueError(message)
    return {left.strip(): right.strip() for left, _, right in parts}


class OidcSettings(EnvironmentSettings):
    """Whose tokens are taken, and what is made of them."""

    model_config = SettingsConfigDict(env_prefix="OIDC_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    issuer: str = Field(
        "", validate_default=True, description="Set it to the provider's address, https://…"
    )
    audience: str = Field(
        "", validate_default=True, description="Set it to what tokens for this service say in aud."
    )
    client_id: str = Field("app", description="Set it to the name of a public client.")
    algorithms: Annotated[
        tuple[Algorithm, ...], NoDecode, BeforeValidator(settings.split), Field(min_length=1)
    ] = Field(
        (Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA),
        description=f"Set it to some of {', '.join(Algorithm)}.",
    )
    email_claim: str = Field("email", min_length=1, description="Set it to a claim's name.")
    trust_email: bool = Field(default=False, description="Set it to true or false.")
    roles_claim: str = Field("roles", min_length=1, description="Set it to a claim's name.")
    roles: Annotated[dict[str, str], NoDecode, BeforeValidator(pairs)] = Field(
        {}, description="Set it to what the claim holds and roles, as in admins=admin,staff=clerk."
    )
    provision: bool = Field(default=True, description="Set it to true or false.")

    @validator("issuer", "audience")
    @classmethod
    def given(cls, value: str, info: ValidationInfo) -> str:
        """Refuse production without them; elsewhere, the provider of development will do."""
        if not value and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value or {"issuer": "http://127.0.0.1:9000"}.get(info.field_name or "", "app")

    @validator("issuer")
    @classmethod
    def encrypted(cls, value: str, info: ValidationInfo) -> str:
        """Refuse keys that anybody on the way could exchange."""
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or parts.hostname in HERE
        is_production = info.data.get("environment") is Environment.PRODUCTION
        if parts.scheme not in {"http", "https"} or (is_production and not is_safe):
            message = "It is not an address that begins with https://"
            raise ValueError(message)
        return value


class ProvidersTokens(SecurityBase):
    """The header in which a provider's token is shown."""

    scheme_name = "OpenIdConnect"

    @property
    def model(self) -> OpenIdConnect:  # type: ignore[override]
        """Describe the provider that the environment names."""
        provider = Provider(settings.read(OidcSettings).issuer)
        return OpenIdConnect(openIdConnectUrl=provider.discovery)

    async def __call__(self, request: HTTPConnection) -> str | None:
        """Give the token that is shown."""
        scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
        return token if scheme.lower() == "bearer" else None


bearer = ProvidersTokens()

OIDC = StateKey[OidcSettings]("oidc")
PROVIDER = StateKey[Provider]("provider")


async def find_user(connection: HTTPConnection, token: str) -> User:
    """Find the user whom a token is about; they are made, or made known, when they first come.

    Raises:
        Unauthenticated: it is not good, or void, or its user is gone.
        Forbidden: there is no account for them here.
        Unavailable: the provider does not answer, and its keys are not known.
    """
    claims = await _read(connection, token)
    user = await _known(connection, token, claims)
    issued = datetime.fromtimestamp(float(claims["iat"]) + 1, UTC)  # providers tell whole seconds
    if not user.is_active or user.has_voided(issued):
        raise Unauthenticated(VOID)
    return await _with_role(connection, user, claims)


async def _read(connection: HTTPConnection, token: str) -> Claims:
    """Read a token that the provider signed for this service, in a way that is allowed."""
    app, config = connection.app, OIDC.get(connection.app)
    try:
        header = jwt.get_unverified_header(token) if len(token) <= LONGEST else {}
        if header.get("alg") not in config.algorithms:  # before anybody is asked for a key
            raise Unauthenticated(VOID)
        claims: Claims = jwt.decode(
            token,
            await PROVIDER.get(app).key(HTTP_CLIENT.get(app), header["kid"]),
            algorithms=list(config.algorithms),
            audience=config.audience,
            issuer=config.issuer,
            leeway=LEEWAY,
            options={"require": list(CLAIMS)},
        )
    except (jwt.PyJWTError, LookupError, ValueError):
        raise Unauthenticated(VOID) from None
    if not claims["sub"].isprintable() or len(claims["sub"]) > LONGEST_SUBJECT:
        raise Unauthenticated(VOID)
    return claims


async def _known(connection: HTTPConnection, token: str, claims: Claims) -> User:
    """Find who is known already, or make them known."""
    app = connection.app
    user = await identities.find(READERS.get(app), claims["iss"], claims["sub"])
    if user is not None:
        return user
    person = await _introduced(connection, token, claims)
    return await identities.link(
        SESSIONS.get(app), READERS.get(app), person, makes=OIDC.get(app).provision
    )


async def _introduced(connection: HTTPConnection, token: str, claims: Claims) -> ExternalUser:
    """Find the address of somebody who is not known yet, in the token or by asking the provider."""
    app, config = connection.app, OIDC.get(connection.app)
    if not claim(claims, config.email_claim):
        told = await PROVIDER.get(app).userinfo(HTTP_CLIENT.get(app), token)
        if told.get("sub") != claims["sub"]:
            raise Forbidden(NAMELESS)
        claims = {**told, **claims}
    address = claim(claims, config.email_claim)
    is_verified = claims.get("email_verified") is True and address == claims.get("email")
    if not config.trust_email and not is_verified:
        raise Forbidden(NAMELESS)
    try:
        email = TypeAdapter(Email).validate_python(address)
    except ValidationError:
        raise Forbidden(NAMELESS) from None
    return ExternalUser(claims["iss"], claims["sub"], email)


async def _with_role(connection: HTTPConnection, user: User, claims: Claims) -> User:
    """Give a user the first role that the token stands for, where the provider decides that."""
    app, config = connection.app, OIDC.get(connection.app)
    if not config.roles:
        return user
    told = claim(claims, config.roles_claim)
    words = told if isinstance(told, list) else [told]
    role = next((role for word, role in config.roles.items() if word in words), None)
    return await identities.follow(SESSIONS.get(app), READERS.get(app), user, role)


def claim(claims: Claims, name: str) -> Any:  # noqa: ANN401
    """Find a claim, or what stands in one: `realm_access.roles`."""
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    within = claims.get(first)
    return claim(within, rest) if rest and isinstance(within, Mapping) else None


def install(app: FastAPI) -> None:
    """Have the service know its provider, and the documentation page sign in there (RFC 7636)."""
    config = settings.read(OidcSettings)
    OIDC.set(app, config)
    PROVIDER.set(app, Provider(config.issuer))
    app.swagger_ui_init_oauth = {
        "clientId": config.client_id,
        "scopes": "openid email profile",
        "usePkceWithAuthorizationCodeGrant": True,
        "additionalQueryStringParams": {"audience": config.audience},
    }
