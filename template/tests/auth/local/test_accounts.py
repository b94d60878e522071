"""Tests of registration, login, token refresh and password reset, over HTTP."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local import passwords
from app.auth.local.accounts import SIGNER
from app.auth.local.one_time_links import LinkKind, OneTimeLink
from app.auth.local.tokens import LEEWAY
from app.models.base import now, uuid7
from app.models.password import Password
from app.models.refresh_token import RefreshToken
from app.models.user import User
from app.models.user_session import UserSession
from app.services import auth
from app.services import user_session as user_sessions
from app.services.auth import GRACE
from tests.support.auth import bearer, make_user
from tests.support.live_server import Live
from tests.support.local import FAST_HASH, HASHED, PASSWORD, recorded_links

URL = "/api/v1/auth"
COOKIE = "__Secure-refresh"
CONCURRENCY = 50
NEW_PASSWORD = "another horse battery staple"


@pytest.fixture(autouse=True)
def _fast_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with cheap parameters, so that tests are fast."""
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    """Return a client without credentials."""
    del client.headers["Authorization"]
    return client


@pytest.fixture
def sent(app: FastAPI) -> Generator[list[OneTimeLink], None, None]:
    """Record the one-time links that the service sends."""
    with recorded_links(app) as links:
        yield links


async def log_in(client: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    return await client.post(f"{URL}/login", json={"email": email, "password": password})


async def log_in_tokens(client: AsyncClient, user: User) -> dict[str, Any]:
    """Log in; return the JSON of the token response."""
    response = await log_in(client, user.email)
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post(f"{URL}/refresh", json={"refresh_token": token})


async def me_status(client: AsyncClient, token: str) -> int:
    """Request the current user with an access token; return the status."""
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.get("/api/v1/users/me", headers=headers)).status_code


async def register(client: AsyncClient, email: str, password: str = PASSWORD) -> None:
    response = await client.post(f"{URL}/register", json={"email": email, "password": password})
    assert response.status_code == 202


async def verify(client: AsyncClient, link: OneTimeLink) -> int:
    return (await client.post(f"{URL}/verify", json={"token": link.token})).status_code


async def test_registered_user_can_log_in_after_verification(
    client: AsyncClient, sent: list[OneTimeLink]
) -> None:
    await register(client, "New@Example.com")
    assert [link.to for link in sent] == ["new@example.com"]
    assert (await log_in(client, "new@example.com")).status_code == 401
    assert await verify(client, sent[0]) == 204
    response = await log_in(client, "NEW@example.com")
    assert response.json()["expires_in"] == 900
    assert await me_status(client, response.json()["access_token"]) == 200


async def test_registration_responds_alike_for_new_and_existing_email(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    responses = [
        await client.post(f"{URL}/register", json={"email": email, "password": NEW_PASSWORD})
        for email in (user.email, "nobody@example.com")
    ]
    assert responses[0].json() == responses[1].json()
    assert [link.kind for link in sent] == [LinkKind.KNOWN, LinkKind.VERIFY]
    assert (await log_in(client, user.email)).status_code == 200  # the password is unchanged


async def test_disabled_registration_returns_403(
    client: AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = SIGNER.get(app)
    config = signer.config.model_copy(update={"registration": False})
    monkeypatch.setattr(signer, "config", config)
    new = {"email": "new@example.com", "password": PASSWORD}
    assert (await client.post(f"{URL}/register", json=new)).status_code == 403


@pytest.mark.parametrize("case", ["unknown", "wrong password", "disabled", "deleted", "unverified"])
async def test_failed_login_responds_alike_for_every_reason(
    client: AsyncClient, session: AsyncSession, case: str
) -> None:
    states: dict[str, dict[str, object]] = {
        "disabled": {"disabled_at": now()},
        "deleted": {"deleted_at": now()},
        "unverified": {"verified_at": None},
    }
    user = await make_user(session, **states.get(case, {}))
    email = "nobody@example.com" if case == "unknown" else user.email
    password = NEW_PASSWORD if case == "wrong password" else PASSWORD
    response = await log_in(client, email, password)
    assert response.status_code == 401
    assert response.json()["code"] == "unauthenticated"
    assert response.json()["detail"] == auth.INVALID_LOGIN


@pytest.mark.parametrize("email", ["user", "nobody"])
async def test_login_of_unknown_user_computes_a_password_hash(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    await make_user(session, email="user@example.com")
    hashes: list[str | None] = []
    original = passwords.verify_password

    async def record(password: str, password_hash: str | None) -> tuple[bool, str | None]:
        hashes.append(password_hash)
        return await original(password, password_hash)

    monkeypatch.setattr(passwords, "verify_password", record)
    await log_in(client, f"{email}@example.com", NEW_PASSWORD)
    assert hashes == [HASHED if email == "user" else None]


async def test_oauth2_password_form_returns_tokens(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    form = {"username": user.email, "password": PASSWORD, "grant_type": "password"}
    response = await client.post(f"{URL}/token", data=form)
    assert response.status_code == 200
    assert response.json()["token_type"] == "bearer"
    assert response.headers["Cache-Control"] == "no-store"
    assert await me_status(client, response.json()["access_token"]) == 200


async def test_refresh_token_is_single_use(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "GRACE", timedelta(hours=1))
    first = (await log_in_tokens(client, await make_user(session)))["refresh_token"]
    second = await refresh(client, first)
    assert await me_status(client, second.json()["access_token"]) == 200
    assert (await refresh(client, first)).status_code == 401
    assert (await refresh(client, second.json()["refresh_token"])).status_code == 200


async def test_reused_refresh_token_revokes_all_tokens_of_login(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    first, other = [(await log_in_tokens(client, user))["refresh_token"] for _ in range(2)]
    second = (await refresh(client, first)).json()["refresh_token"]
    earlier = now() - GRACE - timedelta(seconds=1)
    statement = update(RefreshToken).where(RefreshToken.used_at.is_not(None))
    await session.execute(statement.values(used_at=earlier))
    await session.commit()
    assert (await refresh(client, first)).status_code == 401
    assert (await refresh(client, second)).status_code == 401
    assert (await refresh(client, other)).status_code == 200  # of another login


async def test_expired_refresh_token_returns_401(
    client: AsyncClient, session: AsyncSession
) -> None:
    token = (await log_in_tokens(client, await make_user(session)))["refresh_token"]
    await session.execute(update(RefreshToken).values(expires_at=now()))
    await session.commit()
    assert (await refresh(client, token)).status_code == 401


async def test_refresh_tokens_are_stored_as_digests(
    client: AsyncClient, session: AsyncSession
) -> None:
    token = (await log_in_tokens(client, await make_user(session)))["refresh_token"]
    assert token not in repr((await session.execute(select(RefreshToken.__table__))).all())


async def test_concurrent_refreshes_with_one_token_succeed_once(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "GRACE", timedelta(hours=1))
    async with live.app.state.sessions() as session:
        user = await make_user(session)
    token = (await log_in_tokens(live.client, user))["refresh_token"]
    responses = await asyncio.gather(*(refresh(live.client, token) for _ in range(CONCURRENCY)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [200] + [401] * (CONCURRENCY - 1)
    (success,) = (response for response in responses if response.status_code == 200)
    assert (await refresh(live.client, success.json()["refresh_token"])).status_code == 200


async def test_session_ends_after_its_absolute_lifetime(
    client: AsyncClient, session: AsyncSession
) -> None:
    tokens = await log_in_tokens(client, await make_user(session))
    await session.execute(update(UserSession).values(expires_at=now()))
    await session.commit()
    assert await me_status(client, tokens["access_token"]) == 401
    assert (await refresh(client, tokens["refresh_token"])).status_code == 401


async def test_refresh_does_not_prolong_the_session(
    client: AsyncClient, session: AsyncSession
) -> None:
    tokens = await log_in_tokens(client, await make_user(session))
    expiry = now() + timedelta(days=1)
    await session.execute(update(UserSession).values(expires_at=expiry))
    await session.commit()
    assert (await refresh(client, tokens["refresh_token"])).status_code == 200
    latest = select(RefreshToken.expires_at).where(RefreshToken.used_at.is_(None))
    assert await session.scalar(latest) == expiry


async def test_revocation_after_refresh_token_reuse_is_committed(live: Live) -> None:
    async with live.app.state.sessions() as session:
        user = await make_user(session)
    token = (await log_in_tokens(live.client, user))["refresh_token"]
    assert (await refresh(live.client, token)).status_code == 200
    async with live.app.state.sessions.begin() as session:
        statement = update(RefreshToken).where(RefreshToken.used_at.is_not(None))
        await session.execute(statement.values(used_at=now() - 2 * GRACE))
    assert (await refresh(live.client, token)).status_code == 401
    async with live.app.state.sessions() as session:
        remaining = await user_sessions.search(session, user.id)
    assert [one.user_agent for one in remaining] == ["test"]  # of `make_user`


async def test_logout_revokes_all_tokens_of_login(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    tokens, other = [await log_in_tokens(client, user) for _ in range(2)]
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await client.post(f"{URL}/logout", json=body)).status_code == 204
    assert await me_status(client, tokens["access_token"]) == 401
    assert (await refresh(client, tokens["refresh_token"])).status_code == 401
    assert await me_status(client, other["access_token"]) == 200


async def test_logout_everywhere_revokes_all_tokens(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    logins = [await log_in_tokens(client, user) for _ in range(2)]
    headers = {"Authorization": f"Bearer {logins[0]['access_token']}"}
    response = await client.post("/api/v1/users/me/logout-everywhere", headers=headers)
    assert response.status_code == 204
    for tokens in logins:
        assert await me_status(client, tokens["access_token"]) == 401
        assert (await refresh(client, tokens["refresh_token"])).status_code == 401


async def log_in_cookie(client: AsyncClient, user: User) -> str:
    """Log in as browsers do; return the `Set-Cookie` header."""
    body = {"email": user.email, "password": PASSWORD, "cookie": True}
    response = await client.post(f"{URL}/login", json=body)
    assert response.json()["refresh_token"] is None
    return response.headers["Set-Cookie"]


async def test_refresh_cookie_is_httponly_secure_samesite(
    client: AsyncClient, session: AsyncSession
) -> None:
    parts = (await log_in_cookie(client, await make_user(session))).split("; ")
    assert parts[0].startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Secure", "SameSite=strict", f"Path={URL}"} <= set(parts)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://test"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({}, 403),
    ],
)
async def test_refresh_cookie_from_other_origin_returns_403(
    client: AsyncClient, session: AsyncSession, headers: dict[str, str], status: int
) -> None:
    cookie = (await log_in_cookie(client, await make_user(session))).split(";")[0]
    client.cookies.clear()
    response = await client.post(f"{URL}/refresh", headers={"Cookie": cookie, **headers})
    assert response.status_code == status
    if status == 200:
        assert response.json()["refresh_token"] is None
        assert response.headers["Set-Cookie"].split(";")[0] != cookie


async def test_refresh_cookie_path_has_root_path(
    app: FastAPI, client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "root_path", "/shop")
    cookie = await log_in_cookie(client, await make_user(session))
    assert f"Path=/shop{URL}" in cookie.split("; ")


async def test_logout_deletes_refresh_cookie(client: AsyncClient, session: AsyncSession) -> None:
    cookie = (await log_in_cookie(client, await make_user(session))).split(";")[0]
    headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
    response = await client.post(f"{URL}/logout", headers=headers)
    assert "Max-Age=0" in response.headers["Set-Cookie"]
    assert (await client.post(f"{URL}/refresh", headers=headers)).status_code == 401


async def test_refresh_without_token_returns_401(client: AsyncClient) -> None:
    assert (await client.post(f"{URL}/refresh")).status_code == 401


async def test_verification_link_works_once(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    await client.post(f"{URL}/register", json={"email": "new@example.com", "password": PASSWORD})
    body = {"token": sent[0].token}
    responses = [await client.post(f"{URL}/verify", json=body) for _ in range(2)]
    assert [response.status_code for response in responses] == [204, 401]
    statement = select(User.verified_at).where(User.email == "new@example.com")
    assert await session.scalar(statement) is not None


async def test_second_registration_voids_password_of_unverified_address(
    client: AsyncClient, sent: list[OneTimeLink]
) -> None:
    await register(client, "victim@example.com", "password of the attacker")
    await register(client, "victim@example.com")
    assert [link.kind for link in sent] == [LinkKind.VERIFY, LinkKind.KNOWN]
    assert await verify(client, sent[0]) == 401
    assert await verify(client, sent[1]) == 401
    body = {"token": sent[1].token, "password": NEW_PASSWORD}
    assert (await client.post(f"{URL}/reset-password", json=body)).status_code == 204
    attacker = await log_in(client, "victim@example.com", "password of the attacker")
    assert attacker.status_code == 401
    assert (await log_in(client, "victim@example.com", NEW_PASSWORD)).status_code == 200


async def test_last_link_of_concurrent_registrations_is_valid(live: Live) -> None:
    with recorded_links(live.app) as sent:
        email = f"{uuid7()}@example.com"
        await asyncio.gather(*(register(live.client, email) for _ in range(3)))
    kinds = sorted(link.kind for link in sent)
    assert kinds == [LinkKind.KNOWN, LinkKind.KNOWN, LinkKind.VERIFY]
    reset = {"token": sent[-1].token, "password": NEW_PASSWORD}
    assert (await live.client.post(f"{URL}/reset-password", json=reset)).status_code == 204


async def test_registration_of_deleted_user_sends_no_link(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    user.deleted_at = now()
    await session.commit()
    await register(client, user.email)
    assert not sent


async def test_login_after_registration_does_not_reveal_known_email(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    for email in (user.email, "nobody@example.com"):
        await register(client, email, NEW_PASSWORD)
    responses = [
        await log_in(client, email, NEW_PASSWORD) for email in (user.email, "nobody@example.com")
    ]
    bodies = [{**response.json(), "request_id": None} for response in responses]
    assert bodies[0] == bodies[1]
    assert responses[0].status_code == 401


async def test_password_reset_revokes_api_keys_made_before_verification(
    client: AsyncClient, app: FastAPI, sent: list[OneTimeLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = SIGNER.get(app)
    config = signer.config.model_copy(update={"require_verified": False})
    monkeypatch.setattr(signer, "config", config)
    await register(client, "victim@example.com")
    tokens = (await log_in(client, "victim@example.com")).json()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    new = {"name": "back door", "scopes": ["*"]}
    key = (await client.post("/api/v1/users/me/api-keys", json=new, headers=headers)).json()["key"]
    await client.post(f"{URL}/forgot-password", json={"email": "victim@example.com"})
    body = {"token": sent[-1].token, "password": NEW_PASSWORD}
    assert (await client.post(f"{URL}/reset-password", json=body)).status_code == 204
    assert (await client.get("/api/v1/users/me", headers={"X-API-Key": key})).status_code == 401
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


async def test_password_reset_link_works_once_and_revokes_tokens(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    tokens = await log_in_tokens(client, user)
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    body = {"token": sent[0].token, "password": NEW_PASSWORD}
    responses = [await client.post(f"{URL}/reset-password", json=body) for _ in range(2)]
    assert [response.status_code for response in responses] == [204, 401]
    assert await me_status(client, tokens["access_token"]) == 401
    assert (await refresh(client, tokens["refresh_token"])).status_code == 401
    assert (await log_in(client, user.email, NEW_PASSWORD)).status_code == 200
    assert (await log_in(client, user.email, PASSWORD)).status_code == 401


async def test_forgot_password_responds_alike_for_unknown_email(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    responses = [
        await client.post(f"{URL}/forgot-password", json={"email": email})
        for email in (user.email, "nobody@example.com")
    ]
    assert responses[0].json() == responses[1].json()
    assert [link.to for link in sent] == [user.email]


async def test_password_reset_link_works_for_user_without_password(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    await session.execute(delete(Password))
    await session.commit()
    assert (await log_in(client, user.email)).status_code == 401
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    body = {"token": sent[0].token, "password": NEW_PASSWORD}
    assert (await client.post(f"{URL}/reset-password", json=body)).status_code == 204
    assert (await log_in(client, user.email, NEW_PASSWORD)).status_code == 200


async def test_login_within_clock_skew_after_revocation_is_valid(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, voided_at=now() + LEEWAY / 2)
    tokens = await log_in_tokens(client, user)
    assert await me_status(client, tokens["access_token"]) == 200
    assert (await refresh(client, tokens["refresh_token"])).status_code == 200


async def test_one_time_link_token_is_rejected_as_access_token(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    assert await me_status(client, sent[0].token) == 401


async def test_change_password_requires_current_password(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    headers = bearer(user)
    url = f"{URL}/change-password"
    wrong = {"current": NEW_PASSWORD, "new": NEW_PASSWORD}
    assert (await client.post(url, json=wrong, headers=headers)).status_code == 403
    correct = {"current": PASSWORD, "new": NEW_PASSWORD}
    assert (await client.post(url, json=correct, headers=headers)).status_code == 204
    assert (await log_in(client, user.email, NEW_PASSWORD)).status_code == 200
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


@pytest.mark.parametrize(("keep", "status"), [(True, 200), (False, 401)])
async def test_change_password_revokes_api_keys_unless_kept(
    client: AsyncClient, session: AsyncSession, *, keep: bool, status: int
) -> None:
    headers = bearer(await make_user(session))
    new = {"name": "robot", "scopes": []}
    key = (await client.post("/api/v1/users/me/api-keys", json=new, headers=headers)).json()["key"]
    change = {"current": PASSWORD, "new": NEW_PASSWORD, "keep_api_keys": keep}
    response = await client.post(f"{URL}/change-password", json=change, headers=headers)
    assert response.status_code == 204
    me = await client.get("/api/v1/users/me", headers={"X-API-Key": key})
    assert me.status_code == status


async def test_passwords_and_tokens_are_not_logged_or_returned(
    client: AsyncClient,
    session: AsyncSession,
    sent: list[OneTimeLink],
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = await make_user(session)
    tokens = await log_in_tokens(client, user)
    responses = [await log_in(client, user.email, NEW_PASSWORD), await refresh(client, "x" * 40)]
    invalid = {"email": 1, "password": NEW_PASSWORD}
    responses.append(await client.post(f"{URL}/login", json=invalid))
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    output = capsys.readouterr().out + "".join(response.text for response in responses)
    secrets = [PASSWORD, NEW_PASSWORD, HASHED, tokens["access_token"], tokens["refresh_token"]]
    assert "login" in output
    assert not [secret for secret in [*secrets, sent[0].token, "x" * 40] if secret in output]
    assert HASHED not in repr((user, Password(user_id=user.id, hash=HASHED)))


async def test_keys_route_with_shared_secret_returns_no_public_keys(client: AsyncClient) -> None:
    assert (await client.get(f"{URL}/keys")).json() == {"keys": []}


async def change_email(client: AsyncClient, user: User, email: str, current: str = PASSWORD) -> int:
    body = {"email": email, "current": current}
    response = await client.post(f"{URL}/change-email", json=body, headers=bearer(user))
    return response.status_code


async def test_change_email_applies_after_confirmation_once(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    assert await change_email(client, user, "New@example.com") == 202
    assert (await log_in(client, "new@example.com")).status_code == 401
    assert sent[0].to == "new@example.com"
    body = {"token": sent[0].token}
    responses = [await client.post(f"{URL}/confirm-email", json=body) for _ in range(2)]
    assert [response.status_code for response in responses] == [204, 401]
    assert (await log_in(client, "new@example.com")).status_code == 200
    assert (await log_in(client, user.email)).status_code == 401


async def test_change_email_requires_current_password(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    assert await change_email(client, user, "new@example.com", NEW_PASSWORD) == 403
    assert not sent


async def test_change_email_to_address_of_other_user_returns_409_at_confirmation(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user, other = await make_user(session), await make_user(session)
    assert await change_email(client, user, other.email) == 202
    response = await client.post(f"{URL}/confirm-email", json={"token": sent[0].token})
    assert response.status_code == 409
    assert (await log_in(client, user.email)).status_code == 200
