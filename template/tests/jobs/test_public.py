"""Tests of job endpoints in a service without accounts."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from tests.support import sample_tasks

URL = "/api/v1/jobs/reports"


async def test_post_creates_job_that_is_readable_at_location(
    app: FastAPI, client: AsyncClient
) -> None:
    accepted = await client.post(URL)
    assert accepted.status_code == 202
    assert accepted.json()["state"] == "waiting"
    location = accepted.headers["Location"]
    assert location == f"/api/v1/jobs/{accepted.json()['id']}"
    assert (await client.get(location)).json() == accepted.json()
    await sample_tasks.run_due_jobs(app)
    done = (await client.get(location)).json()
    assert done["state"] == "done"
    assert done["result"]["rows"]["jobs"] == 1


async def test_location_of_job_has_root_path(
    app: FastAPI, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "root_path", "/shop")
    assert (await client.post(URL)).headers["Location"].startswith("/shop/api/v1/jobs/")


async def test_repeated_idempotency_key_returns_same_job(client: AsyncClient) -> None:
    responses = [
        await client.post(URL, headers={"Idempotency-Key": key}) for key in ("a", "b", "a")
    ]
    first, other, again = [response.json()["id"] for response in responses]
    assert first == again != other
    assert responses[0].headers["Location"] == responses[2].headers["Location"]


async def test_invalid_idempotency_key_returns_422(client: AsyncClient) -> None:
    for key in ("k" * 81, "a b"):
        assert (await client.post(URL, headers={"Idempotency-Key": key})).status_code == 422


async def test_unknown_job_returns_404(client: AsyncClient) -> None:
    location = "/api/v1/jobs/00000000-0000-7000-8000-000000000000"
    assert (await client.get(location)).status_code == 404
