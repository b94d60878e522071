"""Signing in and out, over HTTP."""

import asyncio
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local import passwords
from app.auth.local.one_time_links import LinkKind, OneTimeLink
from app.auth.local.tokens import LEEWAY
from app.models.base import now
from app.models.password import Password
from app.models.refresh_token import RefreshToken
from app.models.user import User
from app.services import auth
from app.services.auth import GRACE
from tests.support.auth import bearer, make_user
from tests.support.live_server import Live
from tests.support.local import HASHED, PASSWORD, QUICK

URL = "/api/v1/auth"
COOKIE = "__Secure-refresh"
AT_ONCE = 50
NEW = "another horse battery staple"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at once; what that costs is tested elsewhere."""
    monkeypatch.setattr(passwords, "_hashes", QUICK)


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    """Call as somebody who has not signed in."""
    del client.headers["Authorization"]
    return client


@pytest.fixture
def sent(app: FastAPI) -> Generator[list[OneTimeLink], None, None]:
    """Keep what would be sent."""

    class Kept(list[OneTimeLink]):
        def send(self, link: OneTimeLink, session: AsyncSession | None = None) -> None:
            _ = session
            self.append(link)

    kept, app.state.outgoing = app.state.outgoing, Kept()
    yield app.state.outgoing
    app.state.outgoing = kept


async def log_in(client: AsyncClient, email: str, password: str = PASSWORD) -> Response:
    return await client.post(f"{URL}/login", json={"email": email, "password": password})


async def granted(client: AsyncClient, user: User) -> dict[str, Any]:
    """Sign in, and give what is granted."""
    answer = await log_in(client, user.email)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post(f"{URL}/refresh", json={"refresh_token": token})


async def me(client: AsyncClient, token: str) -> int:
    """Tell how somebody is answered who shows a token."""
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.get("/api/v1/users/me", headers=headers)).status_code


async def test_who_registers_can_sign_in(client: AsyncClient, sent: list[OneTimeLink]) -> None:
    new = {"email": "New@Example.com", "password": PASSWORD}
    assert (await client.post(f"{URL}/register", json=new)).status_code == 202
    assert [link.to for link in sent] == ["new@example.com"]
    answer = await log_in(client, "NEW@example.com")
    assert answer.json()["expires_in"] == 900
    assert await me(client, answer.json()["access_token"]) == 200


async def test_a_registration_tells_nobody_who_is_there(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    answers = [
        await client.post(f"{URL}/register", json={"email": email, "password": NEW})
        for email in (user.email, "nobody@example.com")
    ]
    assert answers[0].json() == answers[1].json()
    assert [link.letter for link in sent] == [LinkKind.KNOWN, LinkKind.VERIFY]
    assert (await log_in(client, user.email)).status_code == 200  # the password is the old one


async def test_a_registration_can_be_for_administrators_only(
    client: AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = app.state.signer.config.model_copy(update={"registration": False})
    monkeypatch.setattr(app.state.signer, "config", config)
    new = {"email": "new@example.com", "password": PASSWORD}
    assert (await client.post(f"{URL}/register", json=new)).status_code == 403


@pytest.mark.parametrize("who", ["unknown", "wrong", "disabled", "deleted"])
async def test_a_login_is_refused_in_the_same_words(
    client: AsyncClient, session: AsyncSession, who: str
) -> None:
    states = {"disabled": {"disabled_at": now()}, "deleted": {"deleted_at": now()}}
    user = await make_user(session, **states.get(who, {}))
    email = "nobody@example.com" if who == "unknown" else user.email
    refused = await log_in(client, email, NEW if who == "wrong" else PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.json()["detail"] == "The address or the password is wrong."


@pytest.mark.parametrize("email", ["user", "nobody"])
async def test_a_login_costs_a_hash_whoever_it_is(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    await make_user(session, email="user@example.com")
    seen: list[str | None] = []
    verified = passwords.verify_password

    async def watched(password: str, kept: str | None) -> tuple[bool, str | None]:
        seen.append(kept)
        return await verified(password, kept)

    monkeypatch.setattr(passwords, "verify_password", watched)
    await log_in(client, f"{email}@example.com", NEW)
    assert seen == [HASHED if email == "user" else None]


async def test_the_form_of_oauth_signs_in(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    form = {"username": user.email, "password": PASSWORD, "grant_type": "password"}
    answer = await client.post(f"{URL}/token", data=form)
    assert (answer.json()["token_type"], answer.status_code) == ("bearer", 200)
    assert answer.headers["Cache-Control"] == "no-store"
    assert await me(client, answer.json()["access_token"]) == 200


async def test_a_refresh_token_is_good_once(
    client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "GRACE", timedelta(hours=1))
    first = (await granted(client, await make_user(session)))["refresh_token"]
    second = await refresh(client, first)
    assert await me(client, second.json()["access_token"]) == 200
    assert (await refresh(client, first)).status_code == 401
    assert (await refresh(client, second.json()["refresh_token"])).status_code == 200


async def test_a_replayed_refresh_token_voids_its_family(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    first, other = [(await granted(client, user))["refresh_token"] for _ in range(2)]
    second = (await refresh(client, first)).json()["refresh_token"]
    earlier = now() - GRACE - timedelta(seconds=1)
    used = update(RefreshToken).where(RefreshToken.used_at.is_not(None))
    await session.execute(used.values(used_at=earlier))
    await session.commit()
    assert (await refresh(client, first)).status_code == 401
    assert (await refresh(client, second)).status_code == 401
    assert (await refresh(client, other)).status_code == 200  # another login's


async def test_an_expired_refresh_token_is_refused(
    client: AsyncClient, session: AsyncSession
) -> None:
    token = (await granted(client, await make_user(session)))["refresh_token"]
    await session.execute(update(RefreshToken).values(expires_at=now()))
    await session.commit()
    assert (await refresh(client, token)).status_code == 401


async def test_refresh_tokens_are_kept_as_digests(
    client: AsyncClient, session: AsyncSession
) -> None:
    token = (await granted(client, await make_user(session)))["refresh_token"]
    assert token not in repr((await session.execute(select(RefreshToken.__table__))).all())


async def test_of_those_who_refresh_at_once_one_wins(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "GRACE", timedelta(hours=1))
    async with live.app.state.sessions() as session:
        user = await make_user(session)
    token = (await granted(live.client, user))["refresh_token"]
    answers = await asyncio.gather(*(refresh(live.client, token) for _ in range(AT_ONCE)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (AT_ONCE - 1)
    (winner,) = (answer for answer in answers if answer.status_code == 200)
    assert (await refresh(live.client, winner.json()["refresh_token"])).status_code == 200


async def test_a_theft_is_remembered_though_the_request_fails(live: Live) -> None:
    async with live.app.state.sessions() as session:
        user = await make_user(session)
    token = (await granted(live.client, user))["refresh_token"]
    assert (await refresh(live.client, token)).status_code == 200
    async with live.app.state.sessions.begin() as session:
        used = update(RefreshToken).where(RefreshToken.used_at.is_not(None))
        await session.execute(used.values(used_at=now() - 2 * GRACE))
    assert (await refresh(live.client, token)).status_code == 401
    async with live.app.state.sessions() as session:
        assert await session.scalar(select(func.count()).select_from(RefreshToken)) == 0


async def test_a_logout_voids_the_refresh_token(client: AsyncClient, session: AsyncSession) -> None:
    token = (await granted(client, await make_user(session)))["refresh_token"]
    gone = await client.post(f"{URL}/logout", json={"refresh_token": token})
    assert gone.status_code == 204
    assert (await refresh(client, token)).status_code == 401


async def test_a_logout_everywhere_voids_every_token(
    client: AsyncClient, session: AsyncSession
) -> None:
    grants = [await granted(client, user) for user in [await make_user(session)] * 2]
    headers = {"Authorization": f"Bearer {grants[0]['access_token']}"}
    gone = await client.post("/api/v1/users/me/logout-everywhere", headers=headers)
    assert gone.status_code == 204
    assert [await me(client, grant["access_token"]) for grant in grants] == [401, 401]
    assert [(await refresh(client, each["refresh_token"])).status_code for each in grants] == [
        401,
        401,
    ]


async def cookie(client: AsyncClient, user: User) -> str:
    """Sign in as a browser does, and give the header that sets its cookie."""
    given = {"email": user.email, "password": PASSWORD, "cookie": True}
    answer = await client.post(f"{URL}/login", json=given)
    assert answer.json()["refresh_token"] is None
    return answer.headers["Set-Cookie"]


async def test_a_cookie_is_for_no_script_and_no_other_site(
    client: AsyncClient, session: AsyncSession
) -> None:
    parts = (await cookie(client, await make_user(session))).split("; ")
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
        ({}, 403),
    ],
)
async def test_a_cookie_is_taken_from_own_pages_only(
    client: AsyncClient, session: AsyncSession, headers: dict[str, str], status: int
) -> None:
    kept = (await cookie(client, await make_user(session))).split(";")[0]
    client.cookies.clear()
    answer = await client.post(f"{URL}/refresh", headers={"Cookie": kept, **headers})
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["refresh_token"] is None
        assert answer.headers["Set-Cookie"].split(";")[0] != kept


async def test_a_logout_has_the_browser_forget(client: AsyncClient, session: AsyncSession) -> None:
    kept = (await cookie(client, await make_user(session))).split(";")[0]
    headers = {"Cookie": kept, "Sec-Fetch-Site": "same-origin"}
    assert (
        "Max-Age=0" in (await client.post(f"{URL}/logout", headers=headers)).headers["Set-Cookie"]
    )
    assert (await client.post(f"{URL}/refresh", headers=headers)).status_code == 401


async def test_a_refresh_without_a_token_is_refused(client: AsyncClient) -> None:
    assert (await client.post(f"{URL}/refresh")).status_code == 401


async def test_a_link_verifies_an_address_once(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    await client.post(f"{URL}/register", json={"email": "new@example.com", "password": PASSWORD})
    told = [await client.post(f"{URL}/verify", json={"token": sent[0].token}) for _ in range(2)]
    assert [answer.status_code for answer in told] == [204, 401]
    found = select(User.verified_at).where(User.email == "new@example.com")
    assert await session.scalar(found) is not None


async def test_a_link_sets_a_new_password_once_and_signs_out(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    grant = await granted(client, user)
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    given = {"token": sent[0].token, "password": NEW}
    told = [await client.post(f"{URL}/reset-password", json=given) for _ in range(2)]
    assert [answer.status_code for answer in told] == [204, 401]
    assert await me(client, grant["access_token"]) == 401
    assert (await refresh(client, grant["refresh_token"])).status_code == 401
    assert [(await log_in(client, user.email, each)).status_code for each in (NEW, PASSWORD)] == [
        200,
        401,
    ]


async def test_a_forgotten_password_tells_nobody_who_is_there(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    answers = [
        await client.post(f"{URL}/forgot-password", json={"email": email})
        for email in (user.email, "nobody@example.com")
    ]
    assert answers[0].json() == answers[1].json()
    assert [link.to for link in sent] == [user.email]


async def test_a_link_gives_a_password_to_who_had_none(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    await session.execute(delete(Password))
    await session.commit()
    assert (await log_in(client, user.email)).status_code == 401
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    given = {"token": sent[0].token, "password": NEW}
    assert (await client.post(f"{URL}/reset-password", json=given)).status_code == 204
    assert (await log_in(client, user.email, NEW)).status_code == 200


async def test_no_login_is_void_by_another_machines_clock(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, voided_at=now() + LEEWAY / 2)
    grant = await granted(client, user)
    assert await me(client, grant["access_token"]) == 200
    assert (await refresh(client, grant["refresh_token"])).status_code == 200


async def test_a_link_is_no_access_token(
    client: AsyncClient, session: AsyncSession, sent: list[OneTimeLink]
) -> None:
    user = await make_user(session)
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    assert await me(client, sent[0].token) == 401


async def test_a_password_is_changed_by_who_knows_it(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    headers = bearer(user)
    place = f"{URL}/change-password"
    wrong = await client.post(place, json={"current": NEW, "new": NEW}, headers=headers)
    right = await client.post(place, json={"current": PASSWORD, "new": NEW}, headers=headers)
    assert [wrong.status_code, right.status_code] == [403, 204]
    assert (await log_in(client, user.email, NEW)).status_code == 200
    assert (await client.get("/api/v1/users/me", headers=headers)).status_code == 401


async def test_no_secret_is_logged_or_told(
    client: AsyncClient,
    session: AsyncSession,
    sent: list[OneTimeLink],
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = await make_user(session)
    grant = await granted(client, user)
    told = [await log_in(client, user.email, NEW), await refresh(client, "x" * 40)]
    told.append(await client.post(f"{URL}/login", json={"email": 1, "password": NEW}))
    await client.post(f"{URL}/forgot-password", json={"email": user.email})
    said = capsys.readouterr().out + "".join(answer.text for answer in told)
    secrets = [PASSWORD, NEW, HASHED, grant["access_token"], grant["refresh_token"]]
    assert "login" in said
    assert not [secret for secret in [*secrets, sent[0].token, "x" * 40] if secret in said]
    assert HASHED not in repr((user, Password(user_id=user.id, hash=HASHED)))


async def test_keys_are_published(client: AsyncClient) -> None:
    assert (await client.get(f"{URL}/keys")).json() == {"keys": []}
