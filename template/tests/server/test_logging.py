"""Logs: one line of JSON per request, and an id that joins them."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.support.sample_resource import URL

Lines = list[dict[str, Any]]


def requests(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Read the lines that were logged for requests."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == "request"]


async def test_a_request_is_logged_once(
    jot_client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answered = await jot_client.get(f"{URL}?search=tea")
    (line,) = requests(capsys)
    assert line["method"] == "GET"
    assert line["path"] == URL
    assert line["status"] == 200
    assert line["duration_ms"] > 0
    assert line["request_id"] == answered.headers["X-Request-ID"]


async def test_a_sound_id_is_kept(client: AsyncClient) -> None:
    answered = await client.get("/health/live", headers={"X-Request-ID": "abc-123"})
    assert answered.headers["X-Request-ID"] == "abc-123"


@pytest.mark.parametrize("claimed", ["", "a b", 'a"}', "x" * 129, "né"])
async def test_an_id_that_could_forge_a_line_is_replaced(client: AsyncClient, claimed: str) -> None:
    headers = {b"X-Request-ID": claimed.encode()}
    answered = await client.get("/health/live", headers=headers)
    assert len(answered.headers["X-Request-ID"]) == 32


async def test_probes_leave_no_line(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/health/live")
    assert requests(capsys) == []
