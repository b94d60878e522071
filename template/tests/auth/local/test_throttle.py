"""Tests of throttling: guesses of passwords (brute force), account e-mails, the hash queue."""

import asyncio
import threading
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import Response
from limits.aio import strategies
from limits.aio.storage import memory
from pydantic import BaseModel
from sqlalchemy import select, update

from app.auth import audit
from app.auth.local import attempts, passwords, throttle
from app.auth.local.one_time_links import OneTimeLink
from app.auth.local.throttle import THROTTLE, Throttle, ThrottleSettings
from app.models.audit_event import AuditEvent
from app.models.password import Password
from app.models.user import User
from app.schemas.auth import Login
from app.services.audit_event import FailureLimit
from tests.support.auth import bearer, make_user
from tests.support.live_server import Live
from tests.support.local import FAST_HASH, HASHED, PASSWORD, recorded_links
from tests.support.timeouts import DEADLINE, wait_until

URL = "/api/v1/auth"
WRONG = "a wrong horse battery staple"
NEW_PASSWORD = "another horse battery staple"
HOME, AWAY = "192.0.2.1", "192.0.2.2"  # addresses of the owner
UNKNOWN = "nobody@example.com"
ARGON2ID = passwords._password_hash  # noqa: SLF001 - of production
MINUTE = 60
HOUR = 60 * MINUTE

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def _fast_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with cheap parameters, so that tests are fast."""
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)
    monkeypatch.setattr(passwords, "DUMMY_HASH", HASHED)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stop the clock of the counts; the test sets its time as `now`."""
    fake = SimpleNamespace(now=1_800_000_000.0)
    fake.time = lambda: fake.now
    for module in (memory, strategies, throttle):
        monkeypatch.setattr(module, "time", fake)
    return fake


@pytest.fixture
def configure(live: Live, monkeypatch: pytest.MonkeyPatch) -> Generator[Configure, None, None]:
    """Yield a function that enables the throttle with other limits than the default ones."""
    original = THROTTLE.get(live.app)

    def enable(**limits: int) -> None:
        config = ThrottleSettings(enabled=True, **limits)  # type: ignore[arg-type]
        THROTTLE.set(live.app, Throttle(config))
        monkeypatch.setattr(passwords.queue, "max_waiting", config.hashes)

    enable()
    yield enable
    THROTTLE.set(live.app, original)


@pytest.fixture
def sent(live: Live) -> Generator[list[OneTimeLink], None, None]:
    """Record the one-time links that the service sends."""
    with recorded_links(live.app) as links:
        yield links


@pytest.fixture
async def owner(live: Live, configure: Configure) -> User:
    """Create a user with the password `PASSWORD`; enable the throttle."""
    _ = configure
    async with live.app.state.sessions() as session:
        return await make_user(session)


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> Generator[threading.Event, None, None]:
    """Stop all password hashes until the event is set."""
    event = threading.Event()

    class Stalled:
        def verify_and_update(self, password: str, password_hash: str) -> tuple[bool, str | None]:
            event.wait(DEADLINE)
            return FAST_HASH.verify_and_update(password, password_hash)

        def hash(self, password: str) -> str:
            event.wait(DEADLINE)
            return FAST_HASH.hash(password)

    monkeypatch.setattr(passwords, "_password_hash", Stalled())
    yield event
    event.set()


async def post(live: Live, path: str, address: str, json: object, **headers: str) -> Response:
    """Send a request from an address, as a trusted proxy forwards it."""
    headers["X-Forwarded-For"] = address
    return await live.client.post(f"{URL}/{path}", json=json, headers=headers)


async def log_in(live: Live, email: str, password: str, address: str = HOME) -> int:
    """Log in; return the status."""
    body = {"email": email, "password": password}
    return (await post(live, "login", address, body)).status_code


async def log_in_with_form(live: Live, email: str, password: str, address: str = HOME) -> int:
    """Log in with the OAuth 2.0 form; return the status."""
    form = {"username": email.upper(), "password": password}
    headers = {"X-Forwarded-For": address}
    return (await live.client.post(f"{URL}/token", data=form, headers=headers)).status_code


async def guess_from_botnet(live: Live, email: str, times: int) -> list[int]:
    """Guess a password once from each of several addresses; return the statuses."""
    return [await log_in(live, email, WRONG, f"198.51.100.{number}") for number in range(times)]


@pytest.mark.parametrize("exists", [True, False])
async def test_guesses_of_login_and_form_share_one_limit(
    live: Live, owner: User, *, exists: bool
) -> None:
    email = owner.email if exists else UNKNOWN
    statuses = [await log_in(live, email, WRONG) for _ in range(6)]
    statuses += [await log_in_with_form(live, email, WRONG) for _ in range(5)]
    assert statuses == [401] * 10 + [429]
    assert await log_in(live, email, PASSWORD) == 429  # also the correct one


async def test_throttled_login_reports_when_to_retry(
    live: Live, configure: Configure, owner: User, clock: SimpleNamespace
) -> None:
    configure(guesses=1)
    body = {"email": owner.email, "password": WRONG}
    assert (await post(live, "login", HOME, body)).status_code == 401
    limited = await post(live, "login", HOME, body)
    assert (limited.status_code, limited.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(limited.headers["Retry-After"]) <= 15 * MINUTE
    clock.now += 30 * MINUTE
    assert await log_in(live, owner.email, PASSWORD) == 200


async def test_throttled_guess_is_recorded(live: Live, configure: Configure, owner: User) -> None:
    configure(guesses=1)
    audit.FAILURE_LIMIT.set(live.app, FailureLimit())
    assert [await log_in(live, owner.email, WRONG) for _ in range(2)] == [401, 429]
    async with live.app.state.sessions() as session:
        newest = select(AuditEvent.details).order_by(AuditEvent.id.desc()).limit(1)
        assert await session.scalar(newest) == {"reason": "throttled"}


async def test_guesses_from_one_address_do_not_lock_out_owner(live: Live, owner: User) -> None:
    statuses = [await log_in(live, owner.email, WRONG, "198.51.100.1") for _ in range(30)]
    assert statuses == [401] * 10 + [429] * 20
    assert await log_in(live, owner.email, PASSWORD, HOME) == 200


async def test_guesses_from_many_addresses_do_not_lock_out_known_address(
    live: Live, configure: Configure, owner: User
) -> None:
    configure(account_guesses=5)
    assert await log_in(live, owner.email, PASSWORD, HOME) == 200
    assert await guess_from_botnet(live, owner.email, 6) == [401] * 4 + [429] * 2
    assert await log_in(live, owner.email, PASSWORD, AWAY) == 429
    assert await log_in(live, owner.email, PASSWORD, HOME) == 200


async def test_known_address_remains_known_for_30_days_after_last_login(
    live: Live, configure: Configure, owner: User, clock: SimpleNamespace
) -> None:
    configure(account_guesses=1)
    for days, status in ((0, 200), (20, 200), (20, 200), (31, 429)):
        clock.now += days * 24 * HOUR
        await guess_from_botnet(live, owner.email, 2)
        if not days:
            configure(account_guesses=1)  # the first login is before the guesses
        assert await log_in(live, owner.email, PASSWORD, HOME) == status


async def test_password_reset_makes_address_known(
    live: Live, configure: Configure, owner: User, sent: list[OneTimeLink]
) -> None:
    configure(account_guesses=3)
    await guess_from_botnet(live, owner.email, 4)
    assert await log_in(live, owner.email, PASSWORD, AWAY) == 429
    await post(live, "forgot-password", AWAY, {"email": owner.email})
    body = {"token": sent[0].token, "password": NEW_PASSWORD}
    assert (await post(live, "reset-password", AWAY, body)).status_code == 204
    assert await log_in(live, owner.email, NEW_PASSWORD, AWAY) == 200


async def test_address_that_guesses_at_many_accounts_is_throttled(
    live: Live, configure: Configure, owner: User
) -> None:
    configure(address_guesses=3)
    emails = [f"{number}@example.com" for number in range(4)]
    assert [await log_in(live, email, WRONG) for email in emails] == [401] * 3 + [429]
    assert await log_in(live, owner.email, PASSWORD) == 429
    assert await log_in(live, owner.email, PASSWORD, AWAY) == 200


async def test_correct_passwords_are_not_counted(
    live: Live, configure: Configure, owner: User
) -> None:
    configure(guesses=2, address_guesses=4, account_guesses=4)
    logins = [await log_in(live, owner.email, PASSWORD) for _ in range(10)]
    assert logins == [200] * 10
    assert await log_in(live, owner.email, WRONG) == 401
    assert await log_in(live, owner.email, PASSWORD) == 200  # resets the count
    assert [await log_in(live, owner.email, WRONG) for _ in range(3)] == [401, 401, 429]


async def test_concurrent_guesses_are_counted_before_verification(
    live: Live, configure: Configure, owner: User
) -> None:
    configure(hashes=400)  # one account may fill the queue with all guesses of this test
    guesses = (log_in(live, owner.email, WRONG) for _ in range(40))
    statuses = await asyncio.gather(*guesses)
    assert sorted(statuses) == [401] * 10 + [429] * 30


async def test_guesses_by_change_password_share_limit_of_logins(
    live: Live, configure: Configure, owner: User
) -> None:
    configure(guesses=3)
    body = {"current": WRONG, "new": NEW_PASSWORD}
    results = [
        (await post(live, "change-password", HOME, body, **bearer(owner))).status_code
        for _ in range(4)
    ]
    assert results == [403] * 3 + [429]
    assert await log_in(live, owner.email, PASSWORD, HOME) == 429
    assert await log_in(live, owner.email, PASSWORD, AWAY) == 200


def body_models(dependant: Dependant) -> Generator[type[BaseModel], None, None]:
    """Yield the schemas of a route's body, also those of its dependencies."""
    for field in dependant.body_params:
        kind: Any = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
    for nested in dependant.dependencies:
        yield from body_models(nested)


def calls(dependant: Dependant) -> Generator[object, None, None]:
    """Yield the functions that a route depends on, recursively."""
    yield dependant.call
    for nested in dependant.dependencies:
        yield from calls(nested)


def test_every_route_with_current_password_is_throttled(app: FastAPI) -> None:
    throttled = set()
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        has_password = any(
            issubclass(model, Login) or {"current", "current_password"} & set(model.model_fields)
            for model in body_models(context.dependant)
        )
        if has_password:
            name = context.original_route.name
            assert attempts.throttle in calls(context.dependant), (
                f"{name}: use `Throttle.attempt`, as the routes of app/auth/local/attempts.py do."
            )
            throttled.add(name)
    assert throttled >= {"login", "change_password"}


@pytest.mark.parametrize("exists", [True, False])
async def test_mails_to_one_recipient_are_throttled_silently(
    live: Live, configure: Configure, owner: User, sent: list[OneTimeLink], *, exists: bool
) -> None:
    configure(mails=3)
    email = owner.email if exists else UNKNOWN
    registration = {"email": email, "password": NEW_PASSWORD}
    for number in range(3):
        address = f"198.51.100.{number}"
        responses = [
            await post(live, "register", address, registration),
            await post(live, "forgot-password", address, {"email": email}),
        ]
        assert [response.status_code for response in responses] == [202, 202]
        assert responses[0].json() == responses[1].json()
    await wait_until(lambda: len(sent) == 3)
    other = {"email": "other@example.com", "password": NEW_PASSWORD}
    await post(live, "register", HOME, other)
    assert [link.to for link in sent] == [email] * 3 + ["other@example.com"]


async def test_requests_that_send_no_mail_do_not_use_up_limit_of_recipient(
    live: Live, configure: Configure, sent: list[OneTimeLink]
) -> None:
    configure(mails=1)
    weak = {"email": UNKNOWN, "password": "password1234"}
    assert (await post(live, "register", HOME, weak)).status_code == 422
    await post(live, "forgot-password", HOME, {"email": UNKNOWN})
    await post(live, "register", HOME, {"email": UNKNOWN, "password": NEW_PASSWORD})
    assert [link.to for link in sent] == [UNKNOWN]


async def test_mails_by_changes_of_email_are_throttled(
    live: Live, configure: Configure, owner: User, sent: list[OneTimeLink]
) -> None:
    configure(mails=2)
    change = {"email": UNKNOWN, "current": PASSWORD}
    for email in (UNKNOWN, UNKNOWN, UNKNOWN, "other@example.com"):
        body = change | {"email": email}
        response = await post(live, "change-email", HOME, body, **bearer(owner))
        assert response.status_code == 202
    await wait_until(lambda: sent and sent[-1].to == "other@example.com")
    assert [link.to for link in sent[:-1]] == [UNKNOWN] * 2


async def test_address_that_requests_many_mails_is_throttled(
    live: Live, configure: Configure, sent: list[OneTimeLink]
) -> None:
    configure(address_guesses=2)
    bodies = [{"email": f"{number}@example.com"} for number in range(3)]
    responses = [await post(live, "forgot-password", HOME, body) for body in bodies]
    assert [response.status_code for response in responses] == [202, 202, 429]
    assert sent == []  # the accounts do not exist


async def test_full_hash_queue_returns_503_without_counting_attempt(
    live: Live, configure: Configure, owner: User, stalled: threading.Event
) -> None:
    configure(guesses=1, hashes=4)
    hashing = [
        asyncio.create_task(log_in(live, f"{number}@example.com", WRONG, f"198.51.100.{number}"))
        for number in range(passwords.MAX_CONCURRENCY + 4)
    ]
    await wait_until(lambda: passwords.waiting() == 4)
    refused = await post(live, "login", HOME, {"email": owner.email, "password": PASSWORD})
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "1"
    registration = {"email": "new@example.com", "password": NEW_PASSWORD}
    assert (await post(live, "register", HOME, registration)).status_code == 503
    stalled.set()
    assert await asyncio.gather(*hashing) == [401] * len(hashing)
    assert await log_in(live, owner.email, PASSWORD) == 200


@pytest.mark.parametrize("same", ["account", "address"])
async def test_one_account_or_address_uses_quarter_of_hash_queue(
    live: Live, configure: Configure, owner: User, stalled: threading.Event, same: str
) -> None:
    configure(hashes=16)
    guesses = [
        (UNKNOWN, f"198.51.100.{number}") if same == "account" else (f"{number}@example.com", AWAY)
        for number in range(20)
    ]
    tasks = [asyncio.create_task(log_in(live, email, WRONG, client)) for email, client in guesses]
    pending = THROTTLE.get(live.app).pending
    caller = f"account {UNKNOWN}" if same == "account" else f"address {AWAY}"
    await wait_until(lambda: sum(task.done() for task in tasks) + pending[caller] == len(tasks))
    assert pending[caller] == 4
    login = asyncio.create_task(log_in(live, owner.email, PASSWORD))
    await wait_until(lambda: pending[f"account {owner.email}"])
    stalled.set()
    assert sorted(await asyncio.gather(*tasks)) == [401] * 4 + [429] * 16
    assert await login == 200
    assert not THROTTLE.get(live.app).pending


async def test_disabled_throttle_counts_nothing(
    live: Live, configure: Configure, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(guesses=1, address_guesses=1, account_guesses=1, mails=1)
    config = THROTTLE.get(live.app).config.model_copy(update={"enabled": False})
    monkeypatch.setattr(THROTTLE.get(live.app), "config", config)
    assert [await log_in(live, owner.email, WRONG) for _ in range(3)] == [401] * 3
    bodies = [{"email": owner.email}] * 3
    responses = [await post(live, "forgot-password", HOME, body) for body in bodies]
    assert [response.status_code for response in responses] == [202] * 3


@pytest.mark.drill
async def test_guesses_of_one_account_do_not_delay_logins_of_others(
    live: Live, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_password_hash", ARGON2ID)
    async with live.app.state.sessions() as session:
        attacker = await make_user(session)
        await session.execute(update(Password).values(hash=ARGON2ID.hash(PASSWORD)))
        await session.commit()
    body = {"current": WRONG, "new": NEW_PASSWORD}
    guesses = [
        asyncio.create_task(post(live, "change-password", AWAY, body, **bearer(attacker)))
        for _ in range(120)
    ]
    await wait_until(lambda: any(guess.done() for guess in guesses))
    assert await log_in(live, owner.email, PASSWORD) == 200
    assert sum(not guess.done() for guess in guesses) < 10
    statuses = [response.status_code for response in await asyncio.gather(*guesses)]
    assert 0 < statuses.count(403) <= 10
    assert statuses.count(403) + statuses.count(429) == 120
