"""Jobs of those who sign in: each sees their own."""

from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_tasks
from tests.support.auth import bearer, make_user

URL = "/api/v1/jobs/reports"
ASKS = "reports:write"


async def test_a_job_that_is_asked_for_can_be_watched(
    app: FastAPI, client: AsyncClient, session: AsyncSession
) -> None:
    own = bearer(await make_user(session, ASKS))
    accepted = await client.post(URL, headers=own)
    assert (accepted.status_code, accepted.json()["state"]) == (202, "waiting")
    place = accepted.headers["Location"]
    assert (await client.get(place, headers=own)).json() == accepted.json()
    await sample_tasks.work_off(app)
    done = (await client.get(place, headers=own)).json()
    assert done["state"] == "done"
    assert done["result"]["rows"]["jobs"] >= 1


async def test_only_who_asked_for_a_job_sees_it_or_who_may_see_all(
    client: AsyncClient, session: AsyncSession
) -> None:
    own = bearer(await make_user(session, ASKS))
    place = (await client.post(URL, headers=own)).headers["Location"]
    for permissions, status in (((ASKS,), 404), (("jobs:read",), 200)):
        another = bearer(await make_user(session, *permissions))
        assert (await client.get(place, headers=another)).status_code == status
    del client.headers["Authorization"]
    assert (await client.get(place)).status_code == 401


async def test_a_report_takes_a_permission(client: AsyncClient, session: AsyncSession) -> None:
    nobody = bearer(await make_user(session))
    assert (await client.post(URL, headers=nobody)).status_code == 403


async def test_a_key_sees_jobs_if_that_is_its_scope(
    client: AsyncClient, session: AsyncSession
) -> None:
    own = bearer(await make_user(session, ASKS))
    place = (await client.post(URL, headers=own)).headers["Location"]
    del client.headers["Authorization"]
    for scope, status in ((ASKS, 403), ("jobs:read", 200)):
        new = {"name": scope.partition(":")[0], "scopes": [scope]}
        made = await client.post("/api/v1/users/me/api-keys", json=new, headers=own)
        key = {"X-API-Key": made.json()["key"]}
        assert (await client.get(place, headers=key)).status_code == status


async def test_a_key_of_idempotency_is_the_caller_s_own(
    client: AsyncClient, session: AsyncSession
) -> None:
    callers = [bearer(await make_user(session, ASKS)) for _ in range(2)]
    first, other, again = [
        (await client.post(URL, headers=caller | {"Idempotency-Key": "a"})).json()["id"]
        for caller in (*callers, callers[0])
    ]
    assert first == again != other
