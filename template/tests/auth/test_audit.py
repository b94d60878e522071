"""Tests of the audit log: recording, searching and purging security events."""

import json
from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import admin, audit
from app.models import Base
from app.models.audit_event import Action, AuditEvent
from app.models.base import now, uuid7
from app.services import audit_event as audit_events
from app.services.audit_event import FailureLimit, Origin
from tests.support.auth import bearer, make_user
from tests.support.live_server import Live

pytestmark = pytest.mark.usefixtures("json_logs")

URL = "/api/v1/audit"
USERS = "/api/v1/users"
TARGET = ("user", uuid7())


@pytest.fixture(autouse=True)
def _new_limit(app: FastAPI) -> None:
    """Set a new limit of failures; other tests may have used up the limit of this minute."""
    audit.FAILURE_LIMIT.set(app, FailureLimit())


async def events(client: AsyncClient, **filters: str | int) -> list[dict[str, Any]]:
    """Return the first page of the audit log."""
    response = await client.get(URL, params=filters)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the audit events in the log."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == "audit_event"]


async def test_denied_request_is_stored_despite_rollback(live: Live) -> None:
    audit.FAILURE_LIMIT.set(live.app, FailureLimit())
    async with live.app.state.sessions() as session:
        reader, auditor = await make_user(session), await make_user(session, "audit:read")
    denied = await live.client.get(USERS, headers=bearer(reader))
    assert denied.status_code == 403
    live.client.headers |= bearer(auditor)
    (event,) = await events(live.client)
    assert event["action"] == "authz_fail"
    assert event["actor_id"] == str(reader.id)
    assert event["address"] == "127.0.0.1"
    assert event["request_id"] == denied.headers["X-Request-ID"]
    assert event["details"] == {"route": "list_users", "reason": denied.json()["detail"]}


async def test_access_log_names_caller(
    client: AsyncClient, session: AsyncSession, capsys: pytest.CaptureFixture[str]
) -> None:
    user = await make_user(session)
    await client.get("/api/v1/users/me", headers=bearer(user))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["caller"] for line in lines if line["event"] == "request"] == [f"user:{user.id}"]


async def test_audit_log_requires_permission(client: AsyncClient, session: AsyncSession) -> None:
    reader = await make_user(session, "users:read")
    assert (await client.get(URL, headers=bearer(reader))).status_code == 403
    del client.headers["Authorization"]
    assert (await client.get(URL)).status_code == 401


def test_audit_log_has_no_route_for_changes(app: FastAPI) -> None:
    paths = {path: set(item) for path, item in app.openapi()["paths"].items() if "audit" in path}
    assert paths == {URL: {"get"}}


async def test_actor_is_api_key_and_its_user(client: AsyncClient, session: AsyncSession) -> None:
    new = {"name": "robot", "scopes": []}
    user = await make_user(session)
    key = (await client.post(f"{USERS}/me/api-keys", json=new, headers=bearer(user))).json()
    headers = {"X-API-Key": key["key"], "Authorization": ""}
    assert (await client.get(USERS, headers=headers)).status_code == 403
    (event,) = await events(client, action=Action.ACCESS_DENIED)
    assert (event["actor_id"], event["actor_key"]) == (str(user.id), key["prefix"])


async def test_recorded_event_is_listed_and_logged(
    client: AsyncClient, session: AsyncSession, capsys: pytest.CaptureFixture[str]
) -> None:
    await audit_events.record(session, Action.USER_UPDATED, TARGET, disabled=True)
    assert logged(capsys) == []
    await session.commit()
    (line,) = logged(capsys)
    (event,) = await events(client, target_id=str(TARGET[1]))
    for fields in (line, event):
        assert fields["action"] == "user_updated"
        assert (fields["target_type"], fields["target_id"]) == ("user", str(TARGET[1]))
        assert fields["details"] == {"disabled": True}
    assert event["actor_id"] is None


async def test_event_of_rolled_back_transaction_is_discarded(
    client: AsyncClient, session: AsyncSession, capsys: pytest.CaptureFixture[str]
) -> None:
    await audit_events.record(session, Action.USER_DELETED, TARGET)
    await session.rollback()
    assert await events(client) == []
    assert logged(capsys) == []


async def test_events_are_filtered_and_sorted(client: AsyncClient, session: AsyncSession) -> None:
    other = ("role", "clerk")
    await audit_events.record(session, Action.USER_CREATED, TARGET)
    await audit_events.record(session, Action.PERMISSIONS_CHANGED, other, added=["users:read"])
    moment = now()
    await audit_events.record(session, "order_approved")
    await session.commit()
    names = ["order_approved", "privilege_permissions_changed", "user_created"]
    cases: list[tuple[dict[str, str | int], list[str]]] = [
        ({}, names),
        ({"sort": "created_at"}, names[::-1]),
        ({"size": 1, "page": 2}, names[1:2]),
        ({"action": "user_created"}, names[2:]),
        ({"target_type": "role", "target_id": "clerk"}, names[1:2]),
        ({"created_at_from": moment.isoformat()}, names[:1]),
        ({"created_at_to": moment.isoformat()}, names[1:]),
        ({"actor_id": str(TARGET[1])}, []),
    ]
    for filters, expected in cases:
        assert [event["action"] for event in await events(client, **filters)] == expected, filters


async def test_expired_events_are_purged_when_event_is_stored(
    client: AsyncClient, session: AsyncSession
) -> None:
    for number in range(3):
        await audit_events.record(session, f"event_{number}")
    days = {"event_0": 366, "event_1": 364, "event_2": 0}
    for action, age in days.items():
        statement = update(AuditEvent).where(AuditEvent.action == action)
        await session.execute(statement.values(created_at=now() - timedelta(days=age)))
    await session.commit()
    assert (await client.get(USERS, headers=bearer(await make_user(session)))).status_code == 403
    stored = [event["action"] for event in await events(client, sort="created_at")]
    assert stored == ["event_1", "event_2", "authz_fail"]


async def test_flood_of_failures_stores_a_limited_number(
    client: AsyncClient,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(audit_events, "MAX_FAILURES_OF_ONE", 2)
    monkeypatch.setattr(audit_events, "MAX_FAILURES", 3)
    monkeypatch.setattr(audit_events, "monotonic", lambda: 60.0)
    accounts = [bearer(await make_user(session)) for _ in range(3)]
    for headers in accounts:
        for _ in range(4):
            await client.get(USERS, headers=headers)
    assert len(logged(capsys)) == 12
    assert [event["details"].get("suppressed") for event in await events(client)] == [2, None, None]
    monkeypatch.setattr(audit_events, "monotonic", lambda: 120.0)
    await client.get(USERS, headers=accounts[0])
    assert (await events(client))[0]["details"]["suppressed"] == 7


async def test_failure_that_cannot_be_stored_is_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    origin = Origin(failures=[AuditEvent(action="authn_login_fail")])
    sessions = Mock()
    sessions.begin.side_effect = OperationalError("INSERT", {}, Exception())
    await audit_events.store_failures(sessions, origin)
    assert '"audit_events_not_stored"' in capsys.readouterr().out


def test_events_have_no_foreign_keys() -> None:
    assert not Base.metadata.tables["audit_events"].foreign_key_constraints


async def administer(client: AsyncClient, user_id: UUID) -> None:
    """Create and change a role, assign it to a user, then disable and delete the user."""
    url, role = f"{USERS}/{user_id}", "/api/v1/roles/clerk"
    for permissions in (["users:read"], ["users:read", "users:write"]):
        assert (await client.put(role, json={"permissions": permissions})).status_code == 200
    for change in ({"roles": ["clerk"]}, {"disabled": True}):
        assert (await client.patch(url, json=change)).status_code == 200
    assert (await client.delete(url)).status_code == 204


async def test_administration_is_recorded(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    await administer(client, user.id)
    caller = (await client.get(f"{USERS}/me")).json()["id"]
    recorded = await events(client, sort="created_at")
    assert {event["actor_id"] for event in recorded} == {caller}
    changes = [
        (event["action"], event["target_id"], event["details"])
        for event in recorded
        if event["action"] != "session_expired"
    ]
    before, after = ["users:read"], ["users:read", "users:write"]
    assert changes == [
        ("privilege_permissions_changed", "clerk", {"before": [], "after": before}),
        ("privilege_permissions_changed", "clerk", {"before": before, "after": after}),
        ("authz_change", str(user.id), {"before": [], "after": ["clerk"]}),
        ("user_updated", str(user.id), {"fields": ["disabled"], "disabled": True}),
        ("user_deleted", str(user.id), {}),
    ]


async def test_api_keys_are_recorded_without_secret(
    client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session))
    url = f"{USERS}/me/api-keys"
    key = (await client.post(url, json={"name": "robot", "scopes": []}, headers=headers)).json()
    assert (await client.delete(f"{url}/{key['id']}", headers=headers)).status_code == 204
    created, revoked = await events(client, sort="created_at")
    assert (created["action"], revoked["action"]) == ("authn_token_created", "authn_token_revoked")
    assert created["details"] == {"key": key["prefix"], "scopes": []}
    assert key["key"] not in str([created, revoked])


@pytest.mark.usefixtures("database_url")
async def test_command_records_event_without_request() -> None:
    async with admin.session_factory() as sessions:
        async with sessions.begin() as session:
            user = await admin.grant_admin(session, "root@example.com")
        async with sessions() as session:
            event = (await session.scalars(select(AuditEvent))).one()
    assert (event.action, event.target_id) == ("authz_change", str(user.id))
    assert event.details == {"before": [], "after": ["admin"]}
    assert (event.actor_id, event.request_id, event.address) == (None, None, None)
