"""Tests of the counts of password guesses in Valkey: shared by processes, outages."""

import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from fastapi import FastAPI

from app import valkey as pools
from app.auth.local import shared_throttle
from app.auth.local.throttle import THROTTLE, Throttle, Throttled
from app.errors import Unauthenticated
from app.main import create_app
from development.memory import shared_memory
from development.valkey import running_in, url
from tests.support import valkey
from tests.support.live_server import lifespan

HOME, AWAY = "192.0.2.1", "192.0.2.2"
MakeApp = Callable[[str], FastAPI]


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> MakeApp:
    """Return a function that creates the service with a throttle of two guesses in Valkey."""
    _ = shared_url

    def make(server_url: str) -> FastAPI:
        for name, value in {"ENABLED": "true", "GUESSES": "2", "URL": server_url}.items():
            monkeypatch.setenv(f"THROTTLE_{name}", value)
        return create_app()

    return make


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Yield the URL of a Valkey that several services share."""
    with valkey.server() as server_url:
        yield server_url


@pytest.fixture
def directory() -> Generator[Path, None, None]:
    """Yield a data directory for a Valkey server that the test starts and stops."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as path:
        yield Path(path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the clock of the retry delay; the test sets its time as `now`."""
    fake = SimpleNamespace(now=1000.0)
    fake.monotonic = lambda: fake.now
    monkeypatch.setattr(shared_throttle, "time", fake)
    return fake


@asynccontextmanager
async def running(app: FastAPI) -> AsyncGenerator[Throttle, None]:
    """Start the application; yield its throttle."""
    async with lifespan(app):
        yield THROTTLE.get(app)


async def reject() -> None:
    """Reject a wrong password."""
    message = "wrong"
    raise Unauthenticated(message)


async def guess(throttle: Throttle, account: str, address: str = HOME) -> bool:
    """Guess a wrong password; return whether the throttle allows the attempt."""
    try:
        async with throttle.attempt(account, address):
            await reject()
    except Unauthenticated:
        return True
    except Throttled:
        pass
    return False


async def test_processes_share_counts_of_guesses_in_valkey(
    make_app: MakeApp, server: str, directory: Path
) -> None:
    account = f"{directory.name}@example.com"  # unique: other tests use the same server
    async with running(make_app(server)) as one, running(make_app(server)) as other:
        allowed = [await guess(each, account) for each in (one, other, one, other)]
        assert allowed == [True, True, False, False]
        await one.succeed(account, HOME)
        assert [await guess(each, account) for each in (other, one, other)] == [True, True, False]
        mails = [await each.may_receive(account) for each in (one, other) * 3]
        assert mails == [True] * 5 + [False]


async def test_known_address_is_shared_in_valkey(
    make_app: MakeApp, server: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THROTTLE_ACCOUNT_GUESSES", "1")
    account = f"{directory.name}@example.com"
    async with running(make_app(server)) as one, running(make_app(server)) as other:
        await one.succeed(account, HOME)
        assert await guess(other, account, AWAY)
        assert not await guess(one, account, "192.0.2.3")
        assert await guess(other, account, HOME)


async def test_guesses_are_throttled_during_valkey_outage(
    make_app: MakeApp,
    directory: Path,
    clock: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running(make_app(url(directory))) as throttle:
        with running_in(directory):
            assert [await guess(throttle, "a@example.com") for _ in range(3)] == [True, True, False]
        outage = [await guess(throttle, "a@example.com") for _ in range(4)]
        assert outage == [True, True, False, False]  # counted in memory
        assert capsys.readouterr().out.count("throttle_unavailable") == 1
        with running_in(directory):
            clock.now += shared_throttle.RETRY_DELAY + 1
            assert await guess(throttle, "b@example.com")
        assert capsys.readouterr().out.count("throttle_recovered") == 1


async def test_silent_valkey_delays_only_first_attempt(
    make_app: MakeApp, directory: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = clock
    monkeypatch.setattr(pools, "TIMEOUT", 0.5)
    async with running(make_app(url(directory))) as throttle:
        with running_in(directory) as process:
            assert await guess(throttle, "a@example.com")
            process.send_signal(signal.SIGSTOP)
            assert [await guess(throttle, "a@example.com") for _ in range(3)] == [True, True, False]
            assert throttle.retry_at > clock.now  # type: ignore[attr-defined]
