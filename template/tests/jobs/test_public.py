"""Jobs where nobody signs in: asked for, and watched."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from tests.support import sample_tasks

URL = "/api/v1/jobs/reports"


async def test_a_job_that_is_asked_for_can_be_watched(app: FastAPI, client: AsyncClient) -> None:
    accepted = await client.post(URL)
    assert (accepted.status_code, accepted.json()["state"]) == (202, "waiting")
    place = accepted.headers["Location"]
    assert place == f"/api/v1/jobs/{accepted.json()['id']}"
    assert (await client.get(place)).json() == accepted.json()
    await sample_tasks.work_off(app)
    done = (await client.get(place)).json()
    assert done["state"] == "done"
    assert done["result"]["rows"]["jobs"] == 1


async def test_a_request_that_is_sent_again_asks_for_nothing(client: AsyncClient) -> None:
    answers = [await client.post(URL, headers={"Idempotency-Key": key}) for key in ("a", "b", "a")]
    first, other, again = [answer.json()["id"] for answer in answers]
    assert first == again != other
    assert answers[0].headers["Location"] == answers[2].headers["Location"]


async def test_a_key_is_short_and_plain(client: AsyncClient) -> None:
    for key in ("k" * 81, "a b"):
        assert (await client.post(URL, headers={"Idempotency-Key": key})).status_code == 422


async def test_what_nobody_asked_for_is_not_there(client: AsyncClient) -> None:
    place = "/api/v1/jobs/00000000-0000-7000-8000-000000000000"
    assert (await client.get(place)).status_code == 404
