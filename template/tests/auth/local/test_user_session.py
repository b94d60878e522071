"""Tests of the routes that list and end sessions, and of access tokens without one."""

from uuid import UUID

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.local import passwords
from tests.support.auth import bearer, make_user
from tests.support.local import FAST_HASH, PASSWORD

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"
URL = "/api/v1/users/me/sessions"
UNKNOWN = str(UUID(int=0))


@pytest.fixture(autouse=True)
def _fast_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)


async def log_in(client: AsyncClient, email: str, user_agent: str) -> dict[str, str]:
    """Log in; return the `Authorization` header."""
    body = {"email": email, "password": PASSWORD}
    response = await client.post(LOGIN, json=body, headers={"User-Agent": user_agent})
    return {"Authorization": f"Bearer {response.json()['access_token']}"}


async def test_sessions_are_listed_with_user_agent_newest_first(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    await log_in(client, user.email, "phone")
    headers = await log_in(client, user.email, "laptop" * 100)
    laptop, phone, _ = (await client.get(URL, headers=headers)).json()
    assert (laptop["user_agent"], laptop["is_current"]) == ("laptop" * 33 + "la", True)
    assert (phone["user_agent"], phone["is_current"]) == ("phone", False)


async def test_ended_session_has_no_valid_tokens(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    stolen = await log_in(client, user.email, "thief")
    thief = (await client.get(URL, headers=bearer(user))).json()[0]
    response = await client.delete(f"{URL}/{thief['id']}", headers=bearer(user))
    assert response.status_code == 204
    assert (await client.get(ME, headers=stolen)).status_code == 401
    assert (await client.get(ME, headers=bearer(user))).status_code == 200


async def test_session_of_other_user_returns_404(
    client: AsyncClient, session: AsyncSession
) -> None:
    user, other = await make_user(session), await make_user(session)
    url = f"{URL}/{other.id}"  # in tests, the first session has the ID of its user
    assert (await client.delete(url, headers=bearer(user))).status_code == 404
    assert (await client.get(ME, headers=bearer(other))).status_code == 200


@pytest.mark.parametrize("sid", [None, "", 1, UNKNOWN])
async def test_access_token_without_session_returns_401(
    client: AsyncClient, session: AsyncSession, sid: object
) -> None:
    headers = bearer(await make_user(session), sid=sid)
    assert (await client.get(ME, headers=headers)).status_code == 401
