"""Authentication by tokens of an OpenID Connect provider, with users created at first login.

The service accepts JWT access tokens (RFC 9068). A token must be signed with a key that the
provider publishes (JWKS), and must name the audience of this service.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

import jwt
import structlog
from fastapi import FastAPI
from fastapi.openapi.models import OpenIdConnect
from fastapi.security.base import SecurityBase
from fastapi.security.utils import get_authorization_scheme_param
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic import field_validator as validator
from pydantic_settings import NoDecode, SettingsConfigDict
from starlette.requests import HTTPConnection

from app import settings
from app.auth.oidc.provider import WELL_KNOWN, Provider
from app.auth.oidc.token_types import TokenType, client_of, is_sender_constrained, token_type
from app.auth.oidc.userinfo import UserinfoCache
from app.database import READERS, SESSIONS
from app.errors import Forbidden, Unauthenticated
from app.http_client import HTTP_CLIENT
from app.models.user import User
from app.schemas.user import Email
from app.services import identity as identities
from app.services.identity import ExternalUser
from app.settings import Environment, EnvironmentSettings
from app.state import StateKey

MAX_LENGTH = 16_384  # characters of a token; some contain a list of groups
MAX_SUBJECT_LENGTH = 255  # characters (OpenID Connect Core 1.0, section 2)
LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost"}  # no network in between: HTTP is safe
LEEWAY = timedelta(seconds=30)  # clock skew between machines
CLAIMS = ("sub", "iss", "aud", "iat", "exp")
INVALID = "The token is invalid or expired."
NO_EMAIL = "The identity provider returned no verified e-mail address for this token."
UNSUPPORTED_EMAIL = (
    "Your e-mail address at the identity provider is not supported: "
    "it is invalid, or not ASCII before the @."
)
DEVELOPMENT = {"issuer": "http://127.0.0.1:9000", "audience": "api"}  # of the provider of `app dev`

Claims = Mapping[str, Any]

log = structlog.get_logger()


class Algorithm(settings.Choice):
    """Signature algorithms that are accepted: asymmetric ones only (RFC 7518, section 3.1)."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    ES256 = "ES256"
    ES384 = "ES384"
    EDDSA = "EdDSA"


def parse_pairs(value: object) -> object:
    """Parse pairs such as `admins=admin, staff=clerk` into an ordered mapping."""
    if not isinstance(value, str):
        return value
    parts = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(key.strip() and item.strip() for key, _, item in parts):
        message = "It is not a list of key=value pairs"
        raise ValueError(message)
    return {key.strip(): item.strip() for key, _, item in parts}


class RoleSettings(EnvironmentSettings):
    """Settings of the mapping of a token's claim to roles."""

    model_config = SettingsConfigDict(env_prefix="OIDC_")

    roles_claim: str = Field("roles", min_length=1, description="Set it to a claim's name.")
    roles: Annotated[dict[str, str], NoDecode, BeforeValidator(parse_pairs)] = Field(
        {},
        description="Set it to pairs of claim value and role, such as admins=admin,staff=clerk.",
    )


class OidcSettings(RoleSettings):
    """Settings of the trusted issuer, its claims, and the mapping of claims to users and roles."""

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    issuer: str = Field(
        "", validate_default=True, description="Set it to the issuer's URL, https://…"
    )
    audience: str = Field(
        "",
        validate_default=True,
        description="Set it to the audience of this service's tokens (claim aud).",
    )
    client_id: str = Field("app", description="Set it to the ID of a public client.")
    clients: settings.Strings = Field((), description="Set it to the IDs of clients.")
    token_types: Annotated[
        tuple[TokenType, ...], NoDecode, BeforeValidator(settings.split), Field(min_length=1)
    ] = Field(
        (TokenType.AT_JWT, TokenType.JWT), description=f"Set it to some of {', '.join(TokenType)}."
    )
    algorithms: Annotated[
        tuple[Algorithm, ...], NoDecode, BeforeValidator(settings.split), Field(min_length=1)
    ] = Field(
        (Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA),
        description=f"Set it to some of {', '.join(Algorithm)}.",
    )
    email_claim: str = Field("email", min_length=1, description="Set it to a claim's name.")
    trust_email: bool = Field(default=False, description="Set it to true or false.")
    provision: bool = Field(default=True, description="Set it to true or false.")

    @validator("issuer", "audience")
    @classmethod
    def require_in_production(cls, value: str, info: ValidationInfo) -> str:
        """Require issuer and audience in production.

        Elsewhere, default to the issuer and audience of the development provider.
        """
        if not value and info.data.get("environment") is Environment.PRODUCTION:
            message = "It is missing"
            raise ValueError(message)
        return value or DEVELOPMENT[info.field_name or ""]

    @validator("issuer")
    @classmethod
    def require_https(cls, value: str, info: ValidationInfo) -> str:
        """Reject an HTTP issuer in production.

        A man-in-the-middle attacker could replace the issuer's keys.
        """
        parts = urlsplit(value)
        is_safe = parts.scheme == "https" or parts.hostname in LOCAL_HOSTS
        is_production = info.data.get("environment") is Environment.PRODUCTION
        if parts.scheme not in {"http", "https"} or (is_production and not is_safe):
            message = "It is not an https:// URL"
            raise ValueError(message)
        if not parts.hostname or parts.query or parts.path.endswith(WELL_KNOWN):
            message = f"It is not an issuer: remove {WELL_KNOWN} and parameters"
            raise ValueError(message)
        return value


class OpenIdConnectBearer(SecurityBase):
    """Security scheme: a bearer token (RFC 6750) of the OpenID Connect provider."""

    scheme_name = "OpenIdConnect"

    @property
    def model(self) -> OpenIdConnect:  # type: ignore[override]
        """The OpenAPI security scheme, with the discovery URL of the configured provider."""
        provider = Provider(settings.read(OidcSettings).issuer)
        return OpenIdConnect(openIdConnectUrl=provider.discovery_url)

    async def __call__(self, request: HTTPConnection) -> str | None:
        """Return the bearer token, or None if the request has none."""
        scheme, token = get_authorization_scheme_param(request.headers.get("Authorization"))
        return token if scheme.lower() == "bearer" else None


bearer = OpenIdConnectBearer()

OIDC = StateKey[OidcSettings]("oidc")
PROVIDER = StateKey[Provider]("provider")
USERINFO = StateKey[UserinfoCache]("userinfo")


async def find_user(connection: HTTPConnection, token: str) -> User:
    """Return the user of a token; at the first login, create the user or link an existing one.

    Raises:
        Unauthenticated: the token is invalid, expired or revoked, or its user is not active.
        Forbidden: the user has no account, and provisioning of accounts is disabled.
        Unavailable: the provider does not respond, and its keys are not cached.
    """
    claims = await _verify(connection, token)
    user = await _find_or_provision(connection, token, claims)
    issued_at = datetime.fromtimestamp(float(claims["iat"]) + 1, UTC)  # iat is in whole seconds
    if not user.is_active or user.has_revoked(issued_at):
        raise Unauthenticated(INVALID)
    return await _sync_role(connection, user, claims)


async def _verify(connection: HTTPConnection, token: str) -> Claims:
    """Verify a token's signature, issuer, audience, type and client; return its claims."""
    app, config = connection.app, OIDC.get(connection.app)
    try:
        header = jwt.get_unverified_header(token) if len(token) <= MAX_LENGTH else {}
        if header.get("alg") not in config.algorithms:  # checked before keys are requested
            raise Unauthenticated(INVALID)
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
        raise Unauthenticated(INVALID) from None
    if not claims["sub"].isprintable() or len(claims["sub"]) > MAX_SUBJECT_LENGTH:
        raise Unauthenticated(INVALID)
    if token_type(header, claims) not in config.token_types or is_sender_constrained(claims):
        raise Unauthenticated(INVALID)
    if config.clients and client_of(claims) not in config.clients:
        raise Unauthenticated(INVALID)
    return claims


async def _find_or_provision(connection: HTTPConnection, token: str, claims: Claims) -> User:
    """Return the user with the identity in the claims; link or create one if missing."""
    app = connection.app
    user = await identities.find(READERS.get(app), claims["iss"], claims["sub"])
    if user is not None:
        return user
    external = await _external_user(connection, token, claims)
    return await identities.link(
        SESSIONS.get(app), READERS.get(app), external, provision=OIDC.get(app).provision
    )


async def _external_user(connection: HTTPConnection, token: str, claims: Claims) -> ExternalUser:
    """Return the user's identity and e-mail address, from the token or the userinfo endpoint.

    The address and its verification are from the same source: `email_verified` of the token does
    not refer to the address that the userinfo endpoint returns.

    Raises:
        Forbidden: there is no verified e-mail address.
    """
    app, config = connection.app, OIDC.get(connection.app)
    source = claims
    if not find_claim(claims, config.email_claim):
        source = await USERINFO.get(app).get(HTTP_CLIENT.get(app), token)
        # Token substitution attack: OpenID Connect Core 1.0, section 5.3.2.
        if source.get("sub") != claims["sub"]:
            raise Forbidden(NO_EMAIL)
    address = find_claim(source, config.email_claim)
    is_verified = source.get("email_verified") is True and address == source.get("email")
    if not address or not (config.trust_email or is_verified):
        raise Forbidden(NO_EMAIL)
    try:
        email = TypeAdapter(Email).validate_python(address)
    except ValidationError:
        raise Forbidden(UNSUPPORTED_EMAIL) from None
    return ExternalUser(claims["iss"], claims["sub"], email)


async def _sync_role(connection: HTTPConnection, user: User, claims: Claims) -> User:
    """Assign the user the first configured role that is in the token's role claim.

    If the claim contains no configured role, remove the user's role.
    """
    app, config = connection.app, OIDC.get(connection.app)
    if not config.roles:
        return user
    value = find_claim(claims, config.roles_claim)
    values = value if isinstance(value, list) else [value]
    role = next((role for each, role in config.roles.items() if each in values), None)
    return await identities.sync_role(SESSIONS.get(app), READERS.get(app), user, role)


def find_claim(claims: Claims, name: str) -> Any:  # noqa: ANN401
    """Return a claim by name or dotted path, such as `realm_access.roles`; None if missing."""
    if name in claims:
        return claims[name]
    first, _, rest = name.partition(".")
    nested = claims.get(first)
    return find_claim(nested, rest) if rest and isinstance(nested, Mapping) else None


def install(app: FastAPI) -> None:
    """Install the provider, and configure the login on `/docs`.

    Swagger UI uses an authorization code with PKCE (RFC 7636).
    """
    config = settings.read(OidcSettings)
    OIDC.set(app, config)
    PROVIDER.set(app, Provider(config.issuer))
    names = {"sub", "email", "email_verified", config.email_claim, config.email_claim.split(".")[0]}
    USERINFO.set(app, UserinfoCache(PROVIDER.get(app), names))
    if config.client_id == config.audience:
        # The audience of ID tokens is the client, so some would pass as access tokens.
        log.warning("oidc_audience_is_client_id", audience=config.audience)
    app.swagger_ui_init_oauth = {
        "clientId": config.client_id,
        "scopes": "openid email profile",
        "usePkceWithAuthorizationCodeGrant": True,
        "additionalQueryStringParams": {"audience": config.audience},
    }
