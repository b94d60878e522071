"""Tests of tokens of an identity provider: verification, provisioning, roles."""

import asyncio
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Generator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.oidc import accounts
from app.auth.oidc.accounts import CLAIMS, MAX_LENGTH, OIDC, PROVIDER, OidcSettings
from app.auth.oidc.provider import Provider
from app.auth.oidc.token_types import CLIENT_CLAIMS, TokenType
from app.models.user import User
from app.settings import ConfigurationError, read
from development.identity_provider import ALGORITHM, AUDIENCE, IdentityProvider, SigningKey
from tests.support import oidc
from tests.support.auth import make_role
from tests.support.live_server import Live

ME = "/api/v1/users/me"
NEW_EMAIL = "new@example.com"
CONCURRENCY = 10

Configure = Callable[..., None]


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    """Return a client without credentials."""
    del client.headers["Authorization"]
    return client


@pytest.fixture
def configure(app: FastAPI) -> Generator[Configure, None, None]:
    """Yield a function that changes the OpenID Connect settings for one test."""
    original = OIDC.get(app)

    def change(**changes: object) -> None:
        OIDC.set(app, OIDC.get(app).model_copy(update=changes))

    yield change
    OIDC.set(app, original)


@pytest.fixture
def provider() -> Generator[IdentityProvider, None, None]:
    """Yield the identity provider; restore its userinfo responses afterwards."""
    yield oidc.PROVIDER
    oidc.PROVIDER.userinfo_claims, oidc.PROVIDER.userinfo_status = {}, 200


@pytest.fixture
def _unreachable(app: FastAPI) -> Generator[None, None, None]:
    """Replace the identity provider by a port that refuses connections."""
    original = PROVIDER.get(app)
    PROVIDER.set(app, Provider("http://127.0.0.1:9"))
    yield
    PROVIDER.set(app, original)


async def me(client: AsyncClient, token: str) -> tuple[int, dict[str, Any]]:
    """Request the current user with a token; return the status and the body."""
    response = await client.get(ME, headers={"Authorization": f"Bearer {token}"})
    return response.status_code, response.json()


async def make_unlinked(session: AsyncSession, *permissions: str) -> User:
    """Create a user who is not linked to the identity provider."""
    roles = [await make_role(session, *permissions)] if permissions else []
    user = User(email="unlinked@example.com", roles=roles)
    session.add(user)
    await session.commit()
    return user


def forge(token: str, key: Any, algorithm: str, **header: str) -> str:  # noqa: ANN401
    """Return a token with the same claims, signed by another key or algorithm."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm, {"kid": oidc.PROVIDER.key.name, **header})


async def test_first_login_creates_account(client: AsyncClient) -> None:
    status, first = await me(client, oidc.PROVIDER.token("New@Example.com"))
    assert status == 200
    assert first["email"] == NEW_EMAIL
    assert first["roles"] == []
    assert first["verified_at"] is not None
    assert (await me(client, oidc.PROVIDER.token("New@Example.com")))[1]["id"] == first["id"]


async def test_first_login_links_user_with_same_email(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_unlinked(session, "products:write")
    _, body = await me(client, oidc.PROVIDER.token(user.email))
    assert body["id"] == str(user.id)
    assert body["roles"][0]["permissions"] == ["products:write"]


async def test_concurrent_first_logins_create_one_account(live: Live) -> None:
    token = oidc.PROVIDER.token(NEW_EMAIL)
    responses = await asyncio.gather(*(me(live.client, token) for _ in range(CONCURRENCY)))
    assert [status for status, _ in responses] == [200] * CONCURRENCY
    async with live.app.state.sessions() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 1


async def test_new_subject_cannot_take_over_account_by_email(
    client: AsyncClient,
) -> None:
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL, sub="first")))[0] == 200
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL, sub="second")))[0] == 403
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL, sub="first")))[0] == 200


@pytest.mark.parametrize("verified", [False, None, "true"])
async def test_unverified_email_returns_403(
    client: AsyncClient, session: AsyncSession, configure: Configure, verified: object
) -> None:
    user = await make_unlinked(session)
    token = oidc.PROVIDER.token(user.email, email_verified=verified)
    status, body = await me(client, token)
    assert status == 403
    assert body["code"] == "forbidden"
    configure(trust_email=True)
    assert (await me(client, token))[1]["id"] == str(user.id)


async def test_email_missing_in_token_is_read_from_userinfo(
    client: AsyncClient,
) -> None:
    token = oidc.PROVIDER.token(None, sub="robot", email_verified=None)
    assert (await me(client, token))[1]["email"] == "robot@example.com"


async def test_userinfo_for_other_subject_returns_403(
    client: AsyncClient, provider: IdentityProvider
) -> None:
    provider.userinfo_claims = {"sub": "another subject"}
    status, _ = await me(client, oidc.PROVIDER.token(None, sub="robot", email_verified=None))
    assert status == 403


@pytest.mark.parametrize("verified", [False, None, "true"])
async def test_verification_in_token_does_not_verify_address_of_userinfo(
    client: AsyncClient, session: AsyncSession, provider: IdentityProvider, verified: object
) -> None:
    user = await make_unlinked(session, "*")  # as `create-admin` prepares
    provider.userinfo_claims = {"email": user.email, "email_verified": verified}
    token = provider.token(None, sub="attacker", email_verified=True)
    assert (await me(client, token))[0] == 403
    provider.userinfo_claims = {"email": user.email, "email_verified": True}
    token = provider.token(None, sub="owner", email_verified=False)
    assert (await me(client, token))[1]["id"] == str(user.id)


async def test_rejected_stranger_costs_one_userinfo_request(
    live: Live, provider: IdentityProvider
) -> None:
    provider.userinfo_claims = {"email_verified": False}
    token = provider.token(None, sub="stranger", email_verified=None)
    requests = provider.userinfo_requests
    responses = await asyncio.gather(*(me(live.client, token) for _ in range(CONCURRENCY)))
    responses += [await me(live.client, token) for _ in range(CONCURRENCY)]
    assert {status for status, _ in responses} == {403}
    assert provider.userinfo_requests == requests + 1


async def test_token_that_userinfo_rejects_returns_401(
    client: AsyncClient, provider: IdentityProvider
) -> None:
    provider.userinfo_status = 401
    token = provider.token(None, sub="revoked", email_verified=None)
    status, body = await me(client, token)
    assert status == 401
    assert body["code"] == "unauthenticated"
    provider.userinfo_status = 503
    assert (await me(client, provider.token(None, sub="other", email_verified=None)))[0] == 503


@pytest.mark.parametrize("email", ["jürgen@example.com", "=?utf-8?q?a?=@example.com", "nobody"])
async def test_unsupported_email_returns_403_with_reason(client: AsyncClient, email: str) -> None:
    status, body = await me(client, oidc.PROVIDER.token(email))
    assert status == 403
    assert "not supported" in body["detail"]


async def test_international_domain_links_user_with_same_address(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = User(email="ann@xn--bcher-kva.example.com")
    session.add(user)
    await session.commit()
    _, body = await me(client, oidc.PROVIDER.token("Ann@Bücher.example.com"))
    assert body["id"] == str(user.id)


async def test_email_claim_is_configurable(client: AsyncClient, configure: Configure) -> None:
    configure(email_claim="https://example.com/mail")
    token = oidc.PROVIDER.token("other@example.com", **{"https://example.com/mail": NEW_EMAIL})
    assert (await me(client, token))[0] == 403  # email_verified refers to the claim email
    configure(email_claim="https://example.com/mail", trust_email=True)
    assert (await me(client, token))[1]["email"] == NEW_EMAIL


async def test_first_login_without_provisioning_returns_403(
    client: AsyncClient, session: AsyncSession, configure: Configure
) -> None:
    configure(provision=False)
    status, body = await me(client, oidc.PROVIDER.token(NEW_EMAIL))
    assert status == 403
    assert body["code"] == "forbidden"
    assert (await me(client, oidc.PROVIDER.token((await make_unlinked(session)).email)))[0] == 200


async def test_user_role_follows_token_claim(
    client: AsyncClient, session: AsyncSession, configure: Configure
) -> None:
    role = await make_role(session, "products:write")
    await session.commit()
    configure(roles={"staff": role.name, "guests": "guest"}, roles_claim="realm.groups")
    token = oidc.PROVIDER.token(NEW_EMAIL, realm={"groups": ["guests", "staff"]})
    assert (await me(client, token))[1]["roles"][0]["name"] == role.name
    token = oidc.PROVIDER.token(NEW_EMAIL, realm={"groups": ["others"]})
    assert (await me(client, token))[1]["roles"] == []


async def test_unknown_role_in_configuration_is_logged(
    client: AsyncClient, configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(roles={"admins": "emperor"})
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL, roles="admins")))[1]["roles"] == []
    output = capsys.readouterr().out
    assert "oidc_role_unknown" in output
    assert "emperor" in output


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "https://another.example.com"},
        {"exp": 1_767_225_600},
        {"iat": 32_472_144_000, "exp": 32_472_230_400},
        {"sub": "x" * 256},
        {"sub": "a\0"},
        {"more": "x" * MAX_LENGTH},
        *({name: None} for name in CLAIMS),
    ],
    ids=lambda changes: " ".join(f"{name}={str(value)[:12]}" for name, value in changes.items()),
)
async def test_token_with_wrong_claim_returns_401(
    client: AsyncClient, changes: dict[str, Any]
) -> None:
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL, **changes)))[0] == 401


@pytest.mark.parametrize("token", ["a.b.c", "x", "." * 3, "eyJhbGciOiJub25lIn0.e30."])
async def test_malformed_token_returns_401(client: AsyncClient, token: str) -> None:
    assert (await me(client, token))[0] == 401


BOUND = {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}


@pytest.mark.parametrize(
    "header",
    [{"typ": "at+jwt"}, {"typ": "application/at+jwt"}, {"typ": "AT+JWT"}, {"typ": "JWT"}, {}],
    ids=str,
)
async def test_access_token_is_accepted(client: AsyncClient, header: dict[str, str]) -> None:
    token = oidc.PROVIDER.token(NEW_EMAIL, header)
    assert (await me(client, token))[0] == 200


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        *(({"typ": typ}, {}) for typ in ("logout+jwt", "rt+jwt", "id_token+jwt", "dpop+jwt", "x")),
        ({"typ": "JWT"}, {"nonce": "n"}),
        ({"typ": "JWT"}, {"at_hash": "h"}),
        ({"typ": "JWT"}, {"typ": "ID"}),  # Keycloak
        ({"typ": "JWT"}, {"typ": "Refresh"}),
        ({"typ": "JWT"}, {"token_use": "id"}),  # Amazon Cognito
        ({"typ": "JWT"}, {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        ({"typ": "at+jwt"}, {"cnf": BOUND}),  # DPoP
        ({"typ": "JWT"}, {"typ": "DPoP", "cnf": BOUND}),
        ({"typ": "at+jwt"}, {"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}),
    ],
    ids=str,
)
async def test_token_that_is_no_bearer_access_token_returns_401(
    client: AsyncClient, header: dict[str, str], claims: dict[str, Any]
) -> None:
    token = oidc.PROVIDER.token(NEW_EMAIL, header, **claims)
    assert (await me(client, token))[0] == 401


async def test_id_token_returns_401_unless_configured(
    client: AsyncClient, configure: Configure
) -> None:
    assert (await me(client, oidc.PROVIDER.id_token(NEW_EMAIL)))[0] == 401  # of another audience
    token = oidc.PROVIDER.id_token(NEW_EMAIL, aud=AUDIENCE)
    assert (await me(client, token))[0] == 401
    configure(token_types=(TokenType.ID,))
    assert (await me(client, token))[0] == 200
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL)))[0] == 401


async def test_untyped_access_token_returns_401_if_at_jwt_is_required(
    client: AsyncClient, configure: Configure
) -> None:
    configure(token_types=(TokenType.AT_JWT,))
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL, {"typ": "JWT"})))[0] == 401
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL)))[0] == 200


@pytest.mark.parametrize(
    "claims", [{"typ": "Bearer", "nonce": "n"}, {"token_use": "access"}, {"azp": "web"}], ids=str
)
async def test_access_token_stated_by_claim_is_accepted(
    client: AsyncClient, claims: dict[str, Any]
) -> None:
    token = oidc.PROVIDER.token(NEW_EMAIL, {"typ": "JWT"}, **claims)
    assert (await me(client, token))[0] == 200


@pytest.mark.parametrize("name", CLIENT_CLAIMS)
async def test_token_of_client_that_is_not_listed_returns_401(
    client: AsyncClient, configure: Configure, name: str
) -> None:
    configure(clients=("web", "mobile"))
    statuses = [
        (await me(client, oidc.PROVIDER.token(NEW_EMAIL, **{"client_id": None, name: value})))[0]
        for value in ("mobile", "another", ["web"], None)
    ]
    assert statuses == [200, 401, 401, 401]


def test_client_id_that_is_audience_is_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts.install(FastAPI())
    assert "oidc_audience_is_client_id" not in capsys.readouterr().out
    monkeypatch.setenv("OIDC_CLIENT_ID", AUDIENCE)
    accounts.install(FastAPI())
    assert "oidc_audience_is_client_id" in capsys.readouterr().out


async def test_token_signed_with_other_key_returns_401(client: AsyncClient) -> None:
    token = oidc.PROVIDER.token(NEW_EMAIL)
    assert (await me(client, forge(token, oidc.PROVIDER.key.private, ALGORITHM)))[
        0
    ] == 200  # `forge` works
    for name in (oidc.PROVIDER.key.name, "unknown"):
        forged = forge(token, SigningKey().private, ALGORITHM, kid=name)
        assert (await me(client, forged))[0] == 401


async def test_unsigned_token_returns_401(client: AsyncClient) -> None:
    assert (await me(client, forge(oidc.PROVIDER.token(NEW_EMAIL), None, "none")))[0] == 401


async def test_token_with_public_key_as_hmac_secret_returns_401(
    client: AsyncClient, configure: Configure
) -> None:
    public = oidc.PROVIDER.key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed, _, _ = forge(oidc.PROVIDER.token(NEW_EMAIL), "x" * 64, "HS256").rpartition(".")
    digest = hmac.digest(pem, signed.encode(), "sha256")
    signature = urlsafe_b64encode(digest).decode().rstrip("=")
    assert (await me(client, f"{signed}.{signature}"))[0] == 401
    configure(algorithms=("RS256",))
    assert (await me(client, oidc.PROVIDER.token(NEW_EMAIL)))[0] == 401


@pytest.mark.usefixtures("_unreachable")
async def test_request_during_identity_provider_outage_returns_503(client: AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {oidc.PROVIDER.token(NEW_EMAIL)}"}
    response = await client.get(ME, headers=headers)
    assert response.status_code == 503
    assert response.json()["code"] == "unavailable"
    assert response.headers["Retry-After"]
    assert (await client.get("/health/live", headers=headers)).status_code == 200


async def test_swagger_ui_logs_in_with_pkce(client: AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert '"usePkceWithAuthorizationCodeGrant": true' in page
    schemes = (await client.get("/openapi.json")).json()["components"]["securitySchemes"]
    discovery_url = schemes["OpenIdConnect"]["openIdConnectUrl"]
    token = await log_in_with_pkce(discovery_url, "http://test/docs/oauth2-redirect")
    assert (await me(client, token))[1]["email"] == NEW_EMAIL


async def test_docs_content_security_policy_allows_identity_provider(
    client: AsyncClient,
) -> None:
    policy = (await client.get("/docs")).headers["Content-Security-Policy"]
    assert f"connect-src 'self' {oidc.PROVIDER.url};" in policy


async def log_in_with_pkce(discovery_url: str, redirect_uri: str) -> str:
    """Log in by authorization code and PKCE (RFC 7636); return the token."""
    verifier = "v" * 64
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    parameters = urlencode({"redirect_uri": redirect_uri, "code_challenge": challenge})
    async with AsyncClient() as browser:
        metadata = (await browser.get(discovery_url)).json()
        login = {"parameters": parameters, "email": NEW_EMAIL}
        redirect = await browser.post(metadata["authorization_endpoint"], data=login)
        code = parse_qs(urlsplit(redirect.headers["Location"]).query)["code"][0]
        grant = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        response = await browser.post(metadata["token_endpoint"], data=grant)
        token: str = response.json()["access_token"]
        return token


async def test_tokens_are_not_logged_or_returned(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = [oidc.PROVIDER.token(NEW_EMAIL), oidc.PROVIDER.token(NEW_EMAIL, aud="another")]
    responses = [await me(client, token) for token in tokens]
    output = capsys.readouterr().out + repr(responses)
    assert "users/me" in output
    assert not [token for token in tokens if token in output]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OIDC_ISSUER", ""),
        ("OIDC_ISSUER", "http://login.example.com"),
        ("OIDC_ISSUER", "login.example.com"),
        ("OIDC_ISSUER", "https://login.example.com/.well-known/openid-configuration"),
        ("OIDC_ISSUER", "https://login.example.com?tenant=1"),
        ("OIDC_ISSUER", "https:///tenant"),
        ("OIDC_AUDIENCE", ""),
        ("OIDC_ALGORITHMS", "HS256"),
        ("OIDC_ALGORITHMS", "none"),
        ("OIDC_ALGORITHMS", ","),
        ("OIDC_TOKEN_TYPES", "refresh"),
        ("OIDC_TOKEN_TYPES", ","),
        ("OIDC_ROLES", "admins"),
    ],
)
def test_production_rejects_unsafe_oidc_settings(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert read(OidcSettings).issuer
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        read(OidcSettings)


def test_roles_setting_preserves_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ROLES", "b=clerk, a=admin")
    assert list(read(OidcSettings).roles.items()) == [("b", "clerk"), ("a", "admin")]


def test_audience_in_development_is_not_client_id(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OIDC_ISSUER", "OIDC_AUDIENCE"):
        monkeypatch.delenv(name)
    config = read(OidcSettings)
    assert (config.audience, config.client_id) == ("api", "app")
