"""Races between a thief, who uses stolen tokens in a loop, and the user, who revokes them."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from httpx2 import AsyncClient

from app.auth.local import passwords
from app.database import SESSIONS
from tests.support.auth import make_user
from tests.support.live_server import Live
from tests.support.local import FAST_HASH, PASSWORD, LinkRecorder, recorded_links

AUTH = "/api/v1/auth"
ME = "/api/v1/users/me"
NEW_PASSWORD = "another horse battery staple"
TIMES = [3, pytest.param(200, marks=pytest.mark.drill)]

Headers = dict[str, str]
Tokens = dict[str, Any]


@pytest.fixture(autouse=True)
def _fast_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)


@pytest.fixture
def links(live: Live) -> Generator[LinkRecorder, None, None]:
    """Record the one-time links that the service sends."""
    with recorded_links(live.app) as links:
        yield links


def authorization(tokens: Tokens) -> Headers:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def log_in(client: AsyncClient, email: str) -> Tokens:
    response = await client.post(f"{AUTH}/login", json={"email": email, "password": PASSWORD})
    tokens: Tokens = response.json()
    return tokens


async def refresh_in_loop(client: AsyncClient, tokens: Tokens) -> list[Headers]:
    """Refresh tokens until that is rejected; return the credentials that the thief got."""
    got, status = [authorization(tokens)], 200
    while status == 200:
        body = {"refresh_token": tokens["refresh_token"]}
        response = await client.post(f"{AUTH}/refresh", json=body)
        status, tokens = response.status_code, response.json()
        got.append({"Authorization": f"Bearer {tokens.get('access_token', '-')}"})
    return got


async def create_keys_in_loop(client: AsyncClient, tokens: Tokens) -> list[Headers]:
    """Create API keys until that is rejected; return the credentials that the thief got."""
    keys, status = [], 201
    while status == 201:
        new, headers = {"name": "thief", "scopes": ["*"]}, authorization(tokens)
        response = await client.post(f"{ME}/api-keys", json=new, headers=headers)
        status = response.status_code
        keys.append({"X-API-Key": response.json().get("key", "-")})
    return keys


async def revoke(client: AsyncClient, call: str, own: Tokens, stolen: Tokens, link: str) -> int:
    """Revoke the tokens of a user in one of several ways; return the status."""
    bodies: dict[str, dict[str, object]] = {
        f"{AUTH}/reset-password": {"token": link, "password": NEW_PASSWORD},
        f"{AUTH}/change-password": {"current": PASSWORD, "new": NEW_PASSWORD},
        f"{AUTH}/logout": {"refresh_token": stolen["refresh_token"]},
        f"{ME}/logout-everywhere": {},
    }
    response = await client.post(call, json=bodies[call], headers=authorization(own))
    return response.status_code


async def survivors(live: Live, links: LinkRecorder, call: str, thief: Any) -> list[Headers]:  # noqa: ANN401
    """Run one race; return the credentials of the thief that are still valid."""
    client = live.client
    async with SESSIONS.get(live.app)() as session:
        user = await make_user(session)
    await client.post(f"{AUTH}/forgot-password", json={"email": user.email})
    own, stolen = [await log_in(client, user.email) for _ in range(2)]
    stealing = asyncio.create_task(thief(client, stolen))
    await asyncio.sleep(0.01)
    assert await revoke(client, call, own, stolen, links[-1].token) == 204
    got = await stealing
    statuses = [(await client.get(ME, headers=headers)).status_code for headers in got]
    return [headers for headers, status in zip(got, statuses, strict=True) if status != 401]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("call", ["reset-password", "change-password", "logout"])
async def test_refresh_during_revocation_gives_no_valid_token(
    live: Live, links: LinkRecorder, call: str, times: int
) -> None:
    for _ in range(times):
        assert not await survivors(live, links, f"{AUTH}/{call}", refresh_in_loop)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("thief", [refresh_in_loop, create_keys_in_loop])
async def test_logout_everywhere_leaves_thief_no_credentials(
    live: Live, links: LinkRecorder, thief: object, times: int
) -> None:
    for _ in range(times):
        assert not await survivors(live, links, f"{ME}/logout-everywhere", thief)
