"""An identity provider that changes its keys, is slow, or is down."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest
from httpx2 import AsyncClient

from app.auth.oidc import provider as providers
from app.auth.oidc.provider import Provider
from app.errors import Unavailable
from development.identity_provider import Issuer
from tests.support.timeouts import DEADLINE

AT_ONCE = 50


@pytest.fixture
def issuer() -> Generator[Issuer, None, None]:
    """Run a provider for one test."""
    made = Issuer()
    with made.running():
        yield made


@pytest.fixture
async def caller() -> AsyncGenerator[AsyncClient, None]:
    """Call it."""
    async with AsyncClient() as made:
        yield made


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every answer for old, and ask again at once."""
    monkeypatch.setattr(providers, "FRESH", 0.0)
    monkeypatch.setattr(providers, "PAUSE", 0.0)
    return monkeypatch


async def test_all_who_wait_have_it_asked_once(issuer: Issuer, caller: AsyncClient) -> None:
    provider = Provider(issuer.url)
    found = await asyncio.gather(*(provider.key(caller, issuer.key.name) for _ in range(AT_ONCE)))
    assert (len({key.key_id for key in found}), issuer.asked) == (1, 1)


async def test_a_new_key_is_asked_for(
    issuer: Issuer, caller: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, old = Provider(issuer.url), issuer.key.name
    await provider.key(caller, old)
    issuer.rotate()
    monkeypatch.setattr(providers, "PAUSE", 0.0)
    assert (await provider.key(caller, issuer.key.name)).key_id == issuer.key.name
    with pytest.raises(KeyError):
        await provider.key(caller, old)


async def test_unknown_keys_do_not_trouble_it(
    issuer: Issuer, caller: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "PAUSE", 3600.0)
    provider = Provider(issuer.url)
    for number in range(AT_ONCE):
        with pytest.raises(KeyError):
            await provider.key(caller, f"unknown-{number}")
    assert issuer.asked == 1


async def test_old_keys_are_asked_for_again(
    issuer: Issuer, caller: AsyncClient, hurry: pytest.MonkeyPatch
) -> None:
    _ = hurry
    provider = Provider(issuer.url)
    for _ in range(2):
        await provider.key(caller, issuer.key.name)
    assert issuer.asked == 2


async def test_keys_outlive_it_for_a_while(caller: AsyncClient, hurry: pytest.MonkeyPatch) -> None:
    issuer = Issuer()
    with issuer.running():
        provider = Provider(issuer.url)
        await provider.key(caller, issuer.key.name)
    assert (await provider.key(caller, issuer.key.name)).key_id == issuer.key.name
    hurry.setattr(providers, "STALE", 0.0)
    with pytest.raises(Unavailable):
        await provider.key(caller, issuer.key.name)


async def test_while_one_asks_again_the_others_go_on(
    issuer: Issuer, caller: AsyncClient, hurry: pytest.MonkeyPatch
) -> None:
    _ = hurry
    provider = Provider(issuer.url)
    await provider.key(caller, issuer.key.name)
    async with provider.lock:  # as one does that asks a provider which hangs
        async with asyncio.timeout(DEADLINE):
            found = await provider.key(caller, issuer.key.name)
    assert found.key_id == issuer.key.name


async def test_one_that_was_never_there_is_told(caller: AsyncClient) -> None:
    with pytest.raises(Unavailable):
        await Provider("http://127.0.0.1:9").key(caller, "any")


async def test_one_that_is_down_tells_nobodys_address(caller: AsyncClient) -> None:
    issuer = Issuer()
    with issuer.running():
        provider = Provider(issuer.url)
        assert await provider.userinfo(caller, "token") == {}  # it has not been asked for anything
        await provider.key(caller, issuer.key.name)
        token = issuer.token("a@example.com")
        assert (await provider.userinfo(caller, token))["email"] == "a@example.com"
    with pytest.raises(Unavailable):
        await provider.userinfo(caller, token)


async def test_one_that_calls_itself_otherwise_is_not_believed(
    issuer: Issuer, caller: AsyncClient
) -> None:
    provider = Provider(f"{issuer.url}/")
    with pytest.raises(Unavailable):
        await provider.key(caller, issuer.key.name)
