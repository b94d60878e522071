"""Accounts of an identity provider: whose tokens are taken, and whom they make somebody."""

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

from app.auth.oidc.accounts import CLAIMS, LONGEST, OidcSettings
from app.auth.oidc.provider import Provider
from app.models.user import User
from app.settings import ConfigurationError, read
from development.identity_provider import ALGORITHM, Key
from tests.support.auth import make_role
from tests.support.live_server import Live
from tests.support.oidc import ISSUER

ME = "/api/v1/users/me"
NEW = "new@example.com"
AT_ONCE = 10

Choose = Callable[..., None]


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    """Call as somebody who has not signed in."""
    del client.headers["Authorization"]
    return client


@pytest.fixture
def choose(app: FastAPI) -> Generator[Choose, None, None]:
    """Change settings for one test."""
    kept = app.state.oidc

    def config(**changes: object) -> None:
        app.state.oidc = app.state.oidc.model_copy(update=changes)

    yield config
    app.state.oidc = kept


@pytest.fixture
def _down(app: FastAPI) -> Generator[None, None, None]:
    """Have the provider be where nobody answers."""
    kept = app.state.provider
    app.state.provider = Provider("http://127.0.0.1:9")
    yield
    app.state.provider = kept


async def me(client: AsyncClient, token: str) -> tuple[int, dict[str, Any]]:
    """Tell how somebody is answered who shows a token."""
    answer = await client.get(ME, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json()


async def make_stranger(session: AsyncSession, *permissions: str) -> User:
    """Make a user whom the provider has not sent yet."""
    role = await make_role(session, *permissions) if permissions else None
    user = User(email="stranger@example.com", role=role)
    session.add(user)
    await session.commit()
    return user


def forged(token: str, key: Any, algorithm: str, **header: str) -> str:  # noqa: ANN401
    """Sign what a token says by another key, or in another way."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, key, algorithm, {"kid": ISSUER.key.name, **header})


async def test_who_comes_first_gets_an_account(client: AsyncClient) -> None:
    status, first = await me(client, ISSUER.token("New@Example.com"))
    assert (status, first["email"], first["role"]) == (200, NEW, None)
    assert first["verified_at"] is not None
    assert (await me(client, ISSUER.token("New@Example.com")))[1]["id"] == first["id"]


async def test_who_is_here_already_is_known_by_the_address(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_stranger(session, "products:write")
    _, shown = await me(client, ISSUER.token(user.email))
    assert (shown["id"], shown["role"]["permissions"]) == (str(user.id), ["products:write"])


async def test_those_who_come_at_once_get_one_account(live: Live) -> None:
    token = ISSUER.token(NEW)
    answers = await asyncio.gather(*(me(live.client, token) for _ in range(AT_ONCE)))
    assert [status for status, _ in answers] == [200] * AT_ONCE
    async with live.app.state.sessions() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 1


async def test_an_address_that_is_given_again_gives_no_account_away(client: AsyncClient) -> None:
    assert (await me(client, ISSUER.token(NEW, sub="first")))[0] == 200
    assert (await me(client, ISSUER.token(NEW, sub="second")))[0] == 403
    assert (await me(client, ISSUER.token(NEW, sub="first")))[0] == 200


@pytest.mark.parametrize("verified", [False, None, "true"])
async def test_an_address_that_is_not_verified_makes_nobody(
    client: AsyncClient, session: AsyncSession, choose: Choose, verified: object
) -> None:
    user = await make_stranger(session)
    token = ISSUER.token(user.email, email_verified=verified)
    status, told = await me(client, token)
    assert (status, told["code"]) == (403, "forbidden")
    choose(trust_email=True)
    assert (await me(client, token))[1]["id"] == str(user.id)


async def test_the_provider_is_asked_for_an_address_that_the_token_lacks(
    client: AsyncClient,
) -> None:
    token = ISSUER.token(None, sub="robot", email_verified=None)
    assert (await me(client, token))[1]["email"] == "robot@example.com"


async def test_what_is_said_of_somebody_else_is_not_believed(client: AsyncClient) -> None:
    ISSUER.says = {"sub": "somebody else"}
    status, _ = await me(client, ISSUER.token(None, sub="robot", email_verified=None))
    ISSUER.says = {}
    assert status == 403


async def test_the_address_stands_in_the_claim_that_is_chosen(
    client: AsyncClient, choose: Choose
) -> None:
    choose(email_claim="https://example.com/mail")
    token = ISSUER.token("other@example.com", **{"https://example.com/mail": NEW})
    assert (await me(client, token))[0] == 403  # it is another address that is verified
    choose(email_claim="https://example.com/mail", trust_email=True)
    assert (await me(client, token))[1]["email"] == NEW


async def test_accounts_can_be_for_those_who_are_here(
    client: AsyncClient, session: AsyncSession, choose: Choose
) -> None:
    choose(provision=False)
    status, told = await me(client, ISSUER.token(NEW))
    assert (status, told["code"]) == (403, "forbidden")
    assert (await me(client, ISSUER.token((await make_stranger(session)).email)))[0] == 200


async def test_a_role_follows_the_token(
    client: AsyncClient, session: AsyncSession, choose: Choose
) -> None:
    role = await make_role(session, "products:write")
    await session.commit()
    choose(roles={"staff": role.name, "guests": "guest"}, roles_claim="realm.groups")
    _, shown = await me(client, ISSUER.token(NEW, realm={"groups": ["guests", "staff"]}))
    assert shown["role"]["name"] == role.name
    assert (await me(client, ISSUER.token(NEW, realm={"groups": ["others"]})))[1]["role"] is None


async def test_a_role_that_is_not_there_is_told_in_the_log(
    client: AsyncClient, choose: Choose, capsys: pytest.CaptureFixture[str]
) -> None:
    choose(roles={"admins": "emperor"})
    assert (await me(client, ISSUER.token(NEW, roles="admins")))[1]["role"] is None
    assert "emperor" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "https://another.example.com"},
        {"exp": 1_767_225_600},
        {"iat": 32_472_144_000, "exp": 32_472_230_400},
        {"sub": "x" * 256},
        {"sub": "a\0"},
        {"more": "x" * LONGEST},
        *({name: None} for name in CLAIMS),
    ],
    ids=lambda changes: " ".join(f"{name}={str(value)[:12]}" for name, value in changes.items()),
)
async def test_any_other_token_is_refused(client: AsyncClient, changes: dict[str, Any]) -> None:
    assert (await me(client, ISSUER.token(NEW, **changes)))[0] == 401


@pytest.mark.parametrize("token", ["a.b.c", "x", "." * 3, "eyJhbGciOiJub25lIn0.e30."])
async def test_what_is_no_token_is_refused(client: AsyncClient, token: str) -> None:
    assert (await me(client, token))[0] == 401


async def test_a_token_that_another_key_signed_is_refused(client: AsyncClient) -> None:
    token = ISSUER.token(NEW)
    assert (await me(client, forged(token, ISSUER.key.private, ALGORITHM)))[0] == 200  # so able
    for name in (ISSUER.key.name, "unknown"):
        forgery = forged(token, Key().private, ALGORITHM, kid=name)
        assert (await me(client, forgery))[0] == 401


async def test_a_token_without_a_signature_is_refused(client: AsyncClient) -> None:
    assert (await me(client, forged(ISSUER.token(NEW), None, "none")))[0] == 401


async def test_a_public_key_makes_no_signature(client: AsyncClient, choose: Choose) -> None:
    public = ISSUER.key.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed, _, _ = forged(ISSUER.token(NEW), "x" * 64, "HS256").rpartition(".")
    made = urlsafe_b64encode(hmac.digest(pem, signed.encode(), "sha256")).decode().rstrip("=")
    assert (await me(client, f"{signed}.{made}"))[0] == 401
    choose(algorithms=("RS256",))
    assert (await me(client, ISSUER.token(NEW)))[0] == 401


@pytest.mark.usefixtures("_down")
async def test_a_provider_that_is_down_is_no_fault_of_whoever_calls(client: AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {ISSUER.token(NEW)}"}
    refused = await client.get(ME, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"]
    assert (await client.get("/health/live", headers=headers)).status_code == 200


async def test_the_documentation_page_signs_in_with_pkce(client: AsyncClient) -> None:
    page = (await client.get("/docs")).text
    assert '"usePkceWithAuthorizationCodeGrant": true' in page
    schemes = (await client.get("/openapi.json")).json()["components"]["securitySchemes"]
    discovery = schemes["OpenIdConnect"]["openIdConnectUrl"]
    token = await signed_in(discovery, "http://test/docs/oauth2-redirect")
    assert (await me(client, token))[1]["email"] == NEW


async def test_the_documentation_page_may_ask_the_provider(client: AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["Content-Security-Policy"]
    assert f"connect-src 'self' {ISSUER.url};" in policy


async def signed_in(discovery: str, redirect_uri: str) -> str:
    """Do what a browser does between two pages (RFC 7636), and give the token."""
    verifier = "v" * 64
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = urlencode({"redirect_uri": redirect_uri, "code_challenge": challenge})
    async with AsyncClient() as browser:
        places = (await browser.get(discovery)).json()
        form = {"asked": asked, "email": NEW}
        back = await browser.post(places["authorization_endpoint"], data=form)
        code = parse_qs(urlsplit(back.headers["Location"]).query)["code"][0]
        given = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        token: str = (await browser.post(places["token_endpoint"], data=given)).json()[
            "access_token"
        ]
        return token


async def test_no_token_is_logged_or_told(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = [ISSUER.token(NEW), ISSUER.token(NEW, aud="another")]
    answers = [await me(client, token) for token in tokens]
    said = capsys.readouterr().out + repr(answers)
    assert "users/me" in said
    assert not [token for token in tokens if token in said]


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
def test_production_refuses_what_is_not_safe(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert read(OidcSettings).issuer
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        read(OidcSettings)


def test_roles_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ROLES", "b=clerk, a=admin")
    assert list(read(OidcSettings).roles.items()) == [("b", "clerk"), ("a", "admin")]


def test_development_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OIDC_ISSUER", "OIDC_AUDIENCE"):
        monkeypatch.delenv(name)
    assert read(OidcSettings).audience == "app"
