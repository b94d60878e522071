"""Tests of job endpoints in a service with accounts: ownership and permissions."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_tasks
from tests.support.auth import bearer, make_user

URL = "/api/v1/jobs/reports"
PERMISSION = "reports:write"


async def test_post_creates_job_that_is_readable_at_location(
    app: FastAPI, client: AsyncClient, session: AsyncSession
) -> None:
    owner = bearer(await make_user(session, PERMISSION))
    accepted = await client.post(URL, headers=owner)
    assert accepted.status_code == 202
    assert accepted.json()["state"] == "waiting"
    location = accepted.headers["Location"]
    assert (await client.get(location, headers=owner)).json() == accepted.json()
    await sample_tasks.run_due_jobs(app)
    done = (await client.get(location, headers=owner)).json()
    assert done["state"] == "done"
    assert done["result"]["rows"]["jobs"] >= 1


async def test_location_of_job_has_root_path(
    app: FastAPI, client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "root_path", "/shop")
    owner = bearer(await make_user(session, PERMISSION))
    location = (await client.post(URL, headers=owner)).headers["Location"]
    assert location.startswith("/shop/api/v1/jobs/")


async def test_job_is_readable_by_owner_or_permission(
    client: AsyncClient, session: AsyncSession
) -> None:
    owner = bearer(await make_user(session, PERMISSION))
    location = (await client.post(URL, headers=owner)).headers["Location"]
    for permissions, status in (((PERMISSION,), 404), (("jobs:read",), 200)):
        another = bearer(await make_user(session, *permissions))
        assert (await client.get(location, headers=another)).status_code == status
    del client.headers["Authorization"]
    assert (await client.get(location)).status_code == 401


async def test_create_report_without_permission_returns_403(
    client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session))
    assert (await client.post(URL, headers=headers)).status_code == 403


async def test_api_key_needs_scope_to_read_job(client: AsyncClient, session: AsyncSession) -> None:
    owner = bearer(await make_user(session, PERMISSION))
    location = (await client.post(URL, headers=owner)).headers["Location"]
    del client.headers["Authorization"]
    for scope, status in ((PERMISSION, 403), ("jobs:read", 200)):
        body = {"name": scope.partition(":")[0], "scopes": [scope]}
        created = await client.post("/api/v1/users/me/api-keys", json=body, headers=owner)
        key = {"X-API-Key": created.json()["key"]}
        assert (await client.get(location, headers=key)).status_code == status


async def test_same_idempotency_key_of_two_users_creates_two_jobs(
    client: AsyncClient, session: AsyncSession
) -> None:
    callers = [bearer(await make_user(session, PERMISSION)) for _ in range(2)]
    first, other, again = [
        (await client.post(URL, headers=caller | {"Idempotency-Key": "a"})).json()["id"]
        for caller in (*callers, callers[0])
    ]
    assert first == again != other
