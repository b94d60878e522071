"""Tests of API keys: creation, scopes, expiry, revocation."""

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from app.auth import identify
from app.auth.key_limit import LIMIT
from app.models.api_key import ApiKey
from app.models.base import now
from app.models.user import EVERYTHING, User
from tests.support.auth import bearer, make_user
from tests.support.cors import rejected_headers
from tests.support.live_server import Live

URL = "/api/v1/users/me/api-keys"
USERS = "/api/v1/users"


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    """Return a client without credentials."""
    del client.headers["Authorization"]
    return client


async def create_key(
    client: AsyncClient, user: User, *scopes: str, **more: object
) -> dict[str, str]:
    """Create an API key for a user; return the request header that contains the key."""
    new = {"name": "robot", "scopes": list(scopes), **more}
    response = await client.post(URL, json=new, headers=bearer(user))
    assert response.status_code == 201, response.text
    return {"X-API-Key": response.json()["key"]}


async def test_api_key_authenticates_its_user(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "users:read")
    headers = await create_key(client, user, "users:read")
    assert (await client.get(f"{USERS}/me", headers=headers)).json()["id"] == str(user.id)
    assert (await client.get(USERS, headers=headers)).status_code == 200


@pytest.mark.usefixtures("shared_url")
async def test_cors_allows_api_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rejected_headers(monkeypatch, "X-API-Key") == set()


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        ((EVERYTHING,), (), 403),
        ((EVERYTHING,), ("users:write",), 403),
        ((EVERYTHING,), (EVERYTHING,), 200),
        ((), (EVERYTHING,), 403),
    ],
)
async def test_api_key_permission_needs_scope_and_user_role(
    client: AsyncClient,
    session: AsyncSession,
    role: tuple[str, ...],
    scopes: tuple[str, ...],
    status: int,
) -> None:
    headers = await create_key(client, await make_user(session, *role), *scopes)
    assert (await client.get(USERS, headers=headers)).status_code == status


async def test_api_key_cannot_create_api_keys(client: AsyncClient, session: AsyncSession) -> None:
    headers = await create_key(client, await make_user(session, EVERYTHING), EVERYTHING)
    another = {"name": "another", "scopes": [EVERYTHING]}
    assert (await client.post(URL, json=another, headers=headers)).status_code == 403


async def test_api_key_secret_is_returned_only_on_creation(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    key = (await create_key(client, user))["X-API-Key"]
    (listed,) = (await client.get(URL, headers=bearer(user))).json()
    assert key.startswith(f"key_{listed['prefix']}_")
    assert "key" not in listed
    rows = (await session.execute(select(ApiKey.__table__))).all()
    assert key not in repr(rows)


async def test_revoked_api_key_returns_401(client: AsyncClient, session: AsyncSession) -> None:
    user, other = await make_user(session), await make_user(session)
    headers = await create_key(client, user)
    (listed,) = (await client.get(URL, headers=bearer(user))).json()
    url = f"{URL}/{listed['id']}"
    assert (await client.delete(url, headers=bearer(other))).status_code == 404
    assert (await client.delete(url, headers=bearer(user))).status_code == 204
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


async def test_expired_api_key_returns_401(client: AsyncClient, session: AsyncSession) -> None:
    later = str(now() + timedelta(hours=1))
    headers = await create_key(client, await make_user(session), expires_at=later)
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 200
    await session.execute(update(ApiKey).values(expires_at=now()))
    await session.commit()
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("expires_at", [32503680000, "2020-01-31T09:30:00Z", "2999-01-31T09:30:00"])
async def test_api_key_with_past_expiry_or_without_time_zone_returns_422(
    client: AsyncClient, session: AsyncSession, expires_at: object
) -> None:
    new = {"name": "robot", "scopes": [], "expires_at": expires_at}
    response = await client.post(URL, json=new, headers=bearer(await make_user(session)))
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


async def test_responses_to_api_key_and_with_its_secret_are_not_stored(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, "users:read")
    new = {"name": "robot", "scopes": ["users:read"]}
    created = await client.post(URL, json=new, headers=bearer(user))
    assert created.headers["Cache-Control"] == "no-store"
    response = await client.get(USERS, headers={"X-API-Key": created.json()["key"]})
    is_stored = response.headers["Cache-Control"] != "no-store"
    assert not is_stored or "X-API-Key" in response.headers["Vary"]


@pytest.mark.parametrize("state", ["deleted_at", "disabled_at"])
async def test_api_key_of_inactive_user_returns_401(
    client: AsyncClient, session: AsyncSession, state: str
) -> None:
    user = await make_user(session)
    headers = await create_key(client, user)
    setattr(user, state, now())
    await session.commit()
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("change", ["longer", "shorter", "empty", "unknown"])
async def test_invalid_api_key_returns_401(
    client: AsyncClient, session: AsyncSession, change: str
) -> None:
    key = (await create_key(client, await make_user(session)))["X-API-Key"]
    invalid = {"longer": f"{key}x", "shorter": key[:-1], "empty": "key_", "unknown": "x" * 300}
    headers = {"X-API-Key": invalid[change]}
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


async def test_api_keys_and_tokens_of_one_user_are_one_caller(
    client: AsyncClient, app: FastAPI, session: AsyncSession
) -> None:
    user = await make_user(session)
    for headers in (*[await create_key(client, user) for _ in range(2)], bearer(user)):
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        request = Request({"type": "http", "app": app, "headers": fields, "state": {}})
        assert (await identify(request)).caller
        assert request.state.caller == f"user:{user.id}"  # rate limits count the user


async def test_concurrent_creation_of_api_keys_respects_limit(
    live: Live,
) -> None:
    async with live.app.state.sessions() as session:
        headers = bearer(await make_user(session))
    new = {"name": "robot", "scopes": []}
    original = LIMIT.get(live.app)
    LIMIT.set(live.app, 3)
    try:
        created = [live.client.post(URL, json=new, headers=headers) for _ in range(10)]
        responses = await asyncio.gather(*created)
    finally:
        LIMIT.set(live.app, original)
    assert sorted(each.status_code for each in responses) == [201] * 3 + [409] * 7
    (message,) = {each.json()["detail"] for each in responses if each.status_code == 409}
    assert message == "You have 3 API keys, which is the limit. Revoke one of them first."
    listed = (await live.client.get(URL, headers=headers)).json()
    assert len(listed) == 3
    url = f"{URL}/{listed[0]['id']}"
    assert (await live.client.delete(url, headers=headers)).status_code == 204
    assert (await live.client.post(URL, json=new, headers=headers)).status_code == 201


async def test_request_sets_api_key_last_used_at(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    headers = await create_key(client, user)
    await client.get(f"{USERS}/me", headers=headers)
    (listed,) = (await client.get(URL, headers=bearer(user))).json()
    assert listed["last_used_at"] is not None
