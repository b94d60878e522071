"""Tests of cached keys and userinfo of a provider: rotation, stale keys, outages."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest
from httpx2 import AsyncClient

from app.auth.oidc import provider as providers
from app.auth.oidc import userinfo
from app.auth.oidc.provider import Provider
from app.auth.oidc.userinfo import UserinfoCache
from app.errors import Unavailable
from development.identity_provider import IdentityProvider
from tests.support.timeouts import DEADLINE

CONCURRENCY = 50


@pytest.fixture
def server() -> Generator[IdentityProvider, None, None]:
    """Run the development identity provider."""
    server = IdentityProvider()
    with server.running():
        yield server


@pytest.fixture
async def client() -> AsyncGenerator[AsyncClient, None]:
    """Return an HTTP client."""
    async with AsyncClient() as client:
        yield client


@pytest.fixture
def expire_keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make cached provider keys expire at once, and allow a refresh without delay."""
    monkeypatch.setattr(providers, "MAX_AGE", 0.0)
    monkeypatch.setattr(providers, "RETRY_DELAY", 0.0)
    return monkeypatch


async def test_concurrent_key_requests_fetch_keys_once(
    server: IdentityProvider, client: AsyncClient
) -> None:
    provider = Provider(server.url)
    keys = await asyncio.gather(
        *(provider.key(client, server.key.name) for _ in range(CONCURRENCY))
    )
    assert {key.key_id for key in keys} == {server.key.name}
    assert server.key_requests == 1


async def test_key_added_by_rotation_is_fetched(
    server: IdentityProvider, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, old = Provider(server.url), server.key.name
    await provider.key(client, old)
    server.rotate_key()
    monkeypatch.setattr(providers, "RETRY_DELAY", 0.0)
    assert (await provider.key(client, server.key.name)).key_id == server.key.name
    with pytest.raises(KeyError):
        await provider.key(client, old)


async def test_repeated_unknown_key_ids_fetch_keys_once(
    server: IdentityProvider, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "RETRY_DELAY", 3600.0)
    provider = Provider(server.url)
    for number in range(CONCURRENCY):
        with pytest.raises(KeyError):
            await provider.key(client, f"unknown-{number}")
    assert server.key_requests == 1


async def test_expired_keys_are_fetched_again(
    server: IdentityProvider, client: AsyncClient, expire_keys: pytest.MonkeyPatch
) -> None:
    _ = expire_keys
    provider = Provider(server.url)
    for _ in range(2):
        await provider.key(client, server.key.name)
    assert server.key_requests == 2


async def test_expired_keys_are_used_while_provider_is_unavailable(
    client: AsyncClient, expire_keys: pytest.MonkeyPatch
) -> None:
    server = IdentityProvider()
    with server.running():
        provider = Provider(server.url)
        await provider.key(client, server.key.name)
    assert (await provider.key(client, server.key.name)).key_id == server.key.name
    expire_keys.setattr(providers, "MAX_STALE_AGE", 0.0)
    with pytest.raises(Unavailable):
        await provider.key(client, server.key.name)


async def test_expired_keys_are_used_while_refresh_is_pending(
    server: IdentityProvider, client: AsyncClient, expire_keys: pytest.MonkeyPatch
) -> None:
    _ = expire_keys
    provider = Provider(server.url)
    await provider.key(client, server.key.name)
    async with provider.lock:  # a refresh is pending
        async with asyncio.timeout(DEADLINE):
            key = await provider.key(client, server.key.name)
    assert key.key_id == server.key.name


async def test_unreachable_provider_raises_unavailable(client: AsyncClient) -> None:
    with pytest.raises(Unavailable):
        await Provider("http://127.0.0.1:9").key(client, "any")


async def test_userinfo_during_outage_raises_unavailable(client: AsyncClient) -> None:
    server = IdentityProvider()
    with server.running():
        provider = Provider(server.url)
        assert await provider.userinfo(client, "token") == {}  # no metadata yet
        await provider.key(client, server.key.name)
        token = server.token("a@example.com")
        claims = await provider.userinfo(client, token)
        assert claims is not None
        assert claims["email"] == "a@example.com"
    with pytest.raises(Unavailable):
        await provider.userinfo(client, token)


@pytest.mark.parametrize(("status", "is_rejected"), [(401, True), (403, True), (429, False)])
async def test_userinfo_client_error_rejects_token_unless_temporary(
    server: IdentityProvider, client: AsyncClient, status: int, *, is_rejected: bool
) -> None:
    provider = Provider(server.url)
    await provider.key(client, server.key.name)
    server.userinfo_status = status
    if is_rejected:
        assert await provider.userinfo(client, server.token("a@example.com")) is None
        return
    with pytest.raises(Unavailable):
        await provider.userinfo(client, server.token("a@example.com"))


@pytest.fixture
async def cache(server: IdentityProvider, client: AsyncClient) -> UserinfoCache:
    """Return a cache of the provider's userinfo responses."""
    provider = Provider(server.url)
    await provider.key(client, server.key.name)
    return UserinfoCache(provider, {"sub", "email"})


async def test_concurrent_userinfo_requests_of_one_token_are_sent_once(
    server: IdentityProvider, client: AsyncClient, cache: UserinfoCache
) -> None:
    token = server.token("a@example.com", sub="a")
    results = await asyncio.gather(*(cache.get(client, token) for _ in range(CONCURRENCY)))
    assert results == [{"sub": "a", "email": "a@example.com"}] * CONCURRENCY
    assert server.userinfo_requests == 1


async def test_cancelled_userinfo_request_continues_for_other_callers(
    server: IdentityProvider, client: AsyncClient, cache: UserinfoCache
) -> None:
    token = server.token("a@example.com")
    first, second = [asyncio.create_task(cache.get(client, token)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    assert (await second)["email"] == "a@example.com"
    assert first.cancelled()
    assert server.userinfo_requests == 1


async def test_userinfo_is_requested_again_after_maximum_age(
    server: IdentityProvider,
    client: AsyncClient,
    cache: UserinfoCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(userinfo, "MAX_AGE", -1.0)
    for _ in range(2):
        await cache.get(client, server.token("a@example.com"))
    assert server.userinfo_requests == 2
    assert len(cache.responses) == 1


async def test_userinfo_cache_is_bounded(
    server: IdentityProvider,
    client: AsyncClient,
    cache: UserinfoCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(userinfo, "MAX_RESPONSES", 3)
    for number in range(9):
        await cache.get(client, server.token(f"{number}@example.com"))
    assert len(cache.responses) == 3


async def test_userinfo_outage_is_not_cached(
    server: IdentityProvider, client: AsyncClient, cache: UserinfoCache
) -> None:
    server.userinfo_status = 500
    token = server.token("a@example.com")
    with pytest.raises(Unavailable):
        await cache.get(client, token)
    server.userinfo_status = 200
    assert (await cache.get(client, token))["email"] == "a@example.com"


async def test_provider_metadata_with_other_issuer_raises_unavailable(
    server: IdentityProvider, client: AsyncClient
) -> None:
    provider = Provider(f"{server.url}/")
    with pytest.raises(Unavailable):
        await provider.key(client, server.key.name)
