"""Tests of invitations, and of administrators who end sessions of other users."""

from collections.abc import Generator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local import passwords
from app.auth.local.one_time_links import LinkKind, OneTimeLink
from tests.support.auth import bearer, make_user
from tests.support.local import FAST_HASH, PASSWORD, recorded_links

USERS, AUTH = "/api/v1/users", "/api/v1/auth"
EMAIL = "invited@example.com"


@pytest.fixture
def sent(app: FastAPI) -> Generator[list[OneTimeLink], None, None]:
    """Record the one-time links that the service sends."""
    with recorded_links(app) as links:
        yield links


async def test_invited_user_sets_password_and_logs_in(
    client: AsyncClient, sent: list[OneTimeLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)
    created = (await client.post(USERS, json={"email": EMAIL})).json()
    (link,) = sent
    assert (link.to, link.kind, link.kind.page) == (EMAIL, LinkKind.INVITE, "reset")
    login = {"email": EMAIL, "password": PASSWORD}
    assert (await client.post(f"{AUTH}/login", json=login)).status_code == 401
    accepted = {"token": link.token, "password": PASSWORD}
    assert (await client.post(f"{AUTH}/reset-password", json=accepted)).status_code == 204
    assert (await client.post(f"{AUTH}/reset-password", json=accepted)).status_code == 401
    assert (await client.post(f"{AUTH}/login", json=login)).status_code == 200
    verified = (await client.get(f"{USERS}/{created['id']}")).json()["verified_at"]
    assert verified is not None


async def test_rejected_invitation_sends_no_link(
    client: AsyncClient, sent: list[OneTimeLink]
) -> None:
    new = {"email": EMAIL, "roles": ["missing"]}
    assert (await client.post(USERS, json=new)).status_code == 422
    assert not sent


async def test_administrator_ends_sessions_of_user(
    client: AsyncClient, session: AsyncSession
) -> None:
    user, other = await make_user(session), await make_user(session)
    path, other_path = f"{USERS}/{user.id}/sessions", f"{USERS}/{other.id}/sessions"
    (listed,) = (await client.get(path)).json()
    assert (await client.delete(f"{other_path}/{listed['id']}")).status_code == 404
    assert (await client.get(f"{USERS}/me", headers=bearer(user))).status_code == 200
    assert (await client.delete(f"{path}/{listed['id']}")).status_code == 204
    assert (await client.delete(other_path)).status_code == 204
    for each in (user, other):
        assert (await client.get(f"{USERS}/me", headers=bearer(each))).status_code == 401
        assert (await client.get(f"{USERS}/{each.id}/sessions")).json() == []


async def test_user_manager_cannot_end_sessions_of_administrator(
    client: AsyncClient, session: AsyncSession
) -> None:
    me = (await client.get(f"{USERS}/me")).json()["id"]
    manager = bearer(await make_user(session, "users:write", "users:read"))
    path = f"{USERS}/{me}/sessions"
    (listed,) = (await client.get(path, headers=manager)).json()
    for target in (path, f"{path}/{listed['id']}"):
        assert (await client.delete(target, headers=manager)).status_code == 403
    assert (await client.get(f"{USERS}/me")).status_code == 200
