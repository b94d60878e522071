"""Tests of rate limits of authenticated callers: API keys do not multiply a user's limit."""

from collections.abc import Generator

import pytest
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.ratelimit import CONFIG, LIMITER, Limiter, parse_rate
from tests.support.auth import bearer, make_user
from tests.support.live_server import Live

ME = "/api/v1/users/me"


@pytest.fixture
def six_requests(live: Live) -> Generator[None, None, None]:
    """Limit each caller to six requests per hour."""
    original = CONFIG.get(live.app), LIMITER.get(live.app)
    CONFIG.set(live.app, original[0].model_copy(update={"default": parse_rate("6/hour")}))
    LIMITER.set(live.app, Limiter(MovingWindowRateLimiter(MemoryStorage())))  # type: ignore[arg-type]
    yield
    CONFIG.set(live.app, original[0])
    LIMITER.set(live.app, original[1])


@pytest.mark.usefixtures("six_requests")
async def test_api_keys_and_tokens_of_one_user_share_one_rate_limit(live: Live) -> None:
    async with live.app.state.sessions() as session:
        user, other = await make_user(session), await make_user(session)
    credentials = [bearer(user)]
    for _ in range(3):
        new = {"name": "robot", "scopes": []}
        key = await live.client.post(f"{ME}/api-keys", json=new, headers=bearer(user))
        credentials.append({"X-API-Key": key.json()["key"]})
    responses = [await live.client.get(ME, headers=each) for each in credentials]
    assert [response.status_code for response in responses] == [200] * 3 + [429]
    assert (await live.client.get(ME, headers=bearer(other))).status_code == 200
