"""Tests of the security events of local accounts: logins, sessions, passwords."""

from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import audit
from app.auth.local import passwords
from app.models.audit_event import AuditEvent
from app.models.base import now
from app.models.refresh_token import RefreshToken
from app.models.user import User
from app.services.audit_event import FailureLimit
from app.services.auth import GRACE
from tests.support.auth import bearer, make_user
from tests.support.live_server import Live
from tests.support.local import FAST_HASH, PASSWORD

AUTH, ME = "/api/v1/auth", "/api/v1/users/me"
NEW_PASSWORD = "another horse battery staple"
WRONG = "wrong horse battery staple"


@pytest.fixture(autouse=True)
def _fast_hash(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_password_hash", FAST_HASH)
    audit.FAILURE_LIMIT.set(app, FailureLimit())


async def log_in(client: AsyncClient, email: str, password: str = PASSWORD) -> dict[str, Any]:
    response = await client.post(f"{AUTH}/login", json={"email": email, "password": password})
    body: dict[str, Any] = response.json()
    return body


async def events(session: AsyncSession) -> list[AuditEvent]:
    """Return the events of the test, oldest first."""
    return list(await session.scalars(select(AuditEvent).order_by(AuditEvent.id)))


@pytest.mark.parametrize(
    ("email", "changes", "reason"),
    [
        (None, {}, "wrong_password"),
        ("nobody@example.com", {}, "unknown_user"),
        (None, {"disabled_at": now()}, "disabled_or_unverified"),
    ],
)
async def test_failed_login_is_stored_with_reason(
    live: Live, email: str | None, changes: dict[str, Any], reason: str
) -> None:
    audit.FAILURE_LIMIT.set(live.app, FailureLimit())
    async with live.app.state.sessions() as session:
        user = await make_user(session, **changes)
    password = WRONG if reason == "wrong_password" else PASSWORD
    failed = await log_in(live.client, email or user.email, password)
    assert reason not in str(failed)
    async with live.app.state.sessions() as session:
        (event,) = await events(session)
    assert (event.action, event.details) == ("authn_login_fail", {"reason": reason})
    assert event.target_id == (None if email else str(user.id))
    assert (event.address, event.request_id) == ("127.0.0.1", failed["request_id"])


async def test_login_refresh_token_reuse_and_logout_are_recorded(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    for path in ("logout", "refresh"):
        tokens = await log_in(client, user.email)
        body = {"refresh_token": tokens["refresh_token"]}
        await client.post(f"{AUTH}/{path}", json=body)
        await session.execute(update(RefreshToken).values(used_at=now() - 2 * GRACE))
        await client.post(f"{AUTH}/{path}", json=body)
    recorded = await events(session)
    expected = [
        *("authn_login_success", "session_expired"),
        *("authn_login_success", "authn_token_reuse", "session_expired"),
    ]
    assert [event.action for event in recorded] == expected
    assert {event.target_id for event in recorded} == {str(user.id)}
    assert recorded[0].details == recorded[1].details  # the session
    assert recorded[2].details == recorded[4].details


async def change_password(client: AsyncClient, user: User, current: str) -> int:
    body = {"current": current, "new": NEW_PASSWORD}
    headers = bearer(user)
    return (await client.post(f"{AUTH}/change-password", json=body, headers=headers)).status_code


async def test_password_change_and_its_failure_are_recorded(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    assert await change_password(client, user, WRONG) == 403
    assert await change_password(client, user, PASSWORD) == 204
    recorded = await events(session)
    actions = ["authn_password_change_fail", "session_expired", "authn_password_change"]
    assert [event.action for event in recorded] == actions
    for event in recorded:
        assert event.actor_id == user.id
        assert event.target_id == str(user.id)


async def test_events_contain_no_secret_and_no_address(
    client: AsyncClient, session: AsyncSession, capsys: pytest.CaptureFixture[str]
) -> None:
    user = await make_user(session, email="ann@example.com")
    tokens = await log_in(client, user.email)
    await log_in(client, user.email, WRONG)
    await log_in(client, WRONG + "@example.com")
    await change_password(client, user, WRONG)
    await change_password(client, user, PASSWORD)
    rows = (await session.execute(select(AuditEvent.__table__))).all()
    assert len(rows) > 3
    text = repr(rows) + capsys.readouterr().out
    secrets = (user.email, PASSWORD, NEW_PASSWORD, WRONG, *tokens.values())
    assert not [secret for secret in secrets if str(secret) in text and len(str(secret)) > 9]
