"""API keys: made by people, for machines, and never more than their users may."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from app.auth import identify
from app.models.api_key import ApiKey
from app.models.base import now
from app.models.user import EVERYTHING, User
from tests.support.auth import bearer, make_user

URL = "/api/v1/users/me/api-keys"
USERS = "/api/v1/users"


@pytest.fixture
def client(client: AsyncClient) -> AsyncClient:
    """Call as somebody who has not signed in."""
    del client.headers["Authorization"]
    return client


async def made(client: AsyncClient, user: User, *scopes: str, **more: object) -> dict[str, str]:
    """Make a key, and give the header that shows it."""
    new = {"name": "robot", "scopes": list(scopes), **more}
    answer = await client.post(URL, json=new, headers=bearer(user))
    assert answer.status_code == 201, answer.text
    return {"X-API-Key": answer.json()["key"]}


async def test_a_key_stands_for_its_user(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "users:read")
    headers = await made(client, user, "users:read")
    assert (await client.get(f"{USERS}/me", headers=headers)).json()["id"] == str(user.id)
    assert (await client.get(USERS, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("role", "scopes", "status"),
    [
        ((EVERYTHING,), (), 403),
        ((EVERYTHING,), ("products:write",), 403),
        ((EVERYTHING,), (EVERYTHING,), 200),
        ((), (EVERYTHING,), 403),
    ],
)
async def test_a_key_may_do_what_both_it_and_its_user_may(
    client: AsyncClient,
    session: AsyncSession,
    role: tuple[str, ...],
    scopes: tuple[str, ...],
    status: int,
) -> None:
    headers = await made(client, await make_user(session, *role), *scopes)
    assert (await client.get(USERS, headers=headers)).status_code == status


async def test_a_key_makes_no_other(client: AsyncClient, session: AsyncSession) -> None:
    headers = await made(client, await make_user(session, EVERYTHING), EVERYTHING)
    another = {"name": "another", "scopes": [EVERYTHING]}
    assert (await client.post(URL, json=another, headers=headers)).status_code == 403


async def test_a_key_is_shown_once(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    key = (await made(client, user))["X-API-Key"]
    (listed,) = (await client.get(URL, headers=bearer(user))).json()
    assert key.startswith(f"key_{listed['prefix']}_")
    assert "key" not in listed
    kept = (await session.execute(select(ApiKey.__table__))).all()
    assert key not in repr(kept)


async def test_a_revoked_key_is_void(client: AsyncClient, session: AsyncSession) -> None:
    user, other = await make_user(session), await make_user(session)
    headers = await made(client, user)
    (listed,) = (await client.get(URL, headers=bearer(user))).json()
    place = f"{URL}/{listed['id']}"
    assert (await client.delete(place, headers=bearer(other))).status_code == 404
    assert (await client.delete(place, headers=bearer(user))).status_code == 204
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


async def test_an_expired_key_is_void(client: AsyncClient, session: AsyncSession) -> None:
    later = str(now() + timedelta(hours=1))
    headers = await made(client, await make_user(session), expires_at=later)
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 200
    await session.execute(update(ApiKey).values(expires_at=now()))
    await session.commit()
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("state", ["deleted_at", "disabled_at"])
async def test_a_key_of_somebody_who_is_gone_is_void(
    client: AsyncClient, session: AsyncSession, state: str
) -> None:
    user = await make_user(session)
    headers = await made(client, user)
    setattr(user, state, now())
    await session.commit()
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


@pytest.mark.parametrize("change", ["longer", "shorter", "nothing", "nonsense"])
async def test_what_is_no_key_is_refused(
    client: AsyncClient, session: AsyncSession, change: str
) -> None:
    key = (await made(client, await make_user(session)))["X-API-Key"]
    shown = {"longer": f"{key}x", "shorter": key[:-1], "nothing": "key_", "nonsense": "x" * 300}
    headers = {"X-API-Key": shown[change]}
    assert (await client.get(f"{USERS}/me", headers=headers)).status_code == 401


async def test_each_key_is_counted_by_itself(
    client: AsyncClient, app: FastAPI, session: AsyncSession
) -> None:
    user = await make_user(session)
    for headers in [await made(client, user) for _ in range(2)]:
        key = headers["X-API-Key"]
        shown = [(b"x-api-key", key.encode())]
        asked = Request({"type": "http", "app": app, "headers": shown, "state": {}})
        assert (await identify(asked)).caller
        assert asked.state.caller == f"key:{key.split('_')[1]}"


async def test_the_last_use_of_a_key_is_known(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    headers = await made(client, user)
    await client.get(f"{USERS}/me", headers=headers)
    (listed,) = (await client.get(URL, headers=bearer(user))).json()
    assert listed["last_used_at"] is not None
