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

from app.auth.oidc.accounts import CLAIMS, MAX_LENGTH, OIDC, PROVIDER, OidcSettings
from app.auth.oidc.provider import Provider
from app.models.user import User
from app.settings import ConfigurationError, read
from development.identity_provider import ALGORITHM, SigningKey
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


async def test_userinfo_for_other_subject_returns_403(client: AsyncClient) -> None:
    oidc.PROVIDER.userinfo_claims = {"sub": "another subject"}
    status, _ = await me(client, oidc.PROVIDER.token(None, sub="robot", email_verified=None))
    oidc.PROVIDER.userinfo_claims = {}
    assert status == 403


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
        ("OIDC_AUDIENCE", ""),
        ("OIDC_ALGORITHMS", "HS256"),
        ("OIDC_ALGORITHMS", "none"),
        ("OIDC_ALGORITHMS", ","),
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


def test_audience_defaults_to_app_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OIDC_ISSUER", "OIDC_AUDIENCE"):
        monkeypatch.delenv(name)
    assert read(OidcSettings).audience == "app"
