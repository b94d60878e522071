"""Tests of structured logging: the access log and request IDs."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.support.sample_resource import URL

pytestmark = pytest.mark.usefixtures("json_logs")

Lines = list[dict[str, Any]]


def requests(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Return the lines of the access log."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["event"] == "request"]


async def test_access_log_has_one_line_per_request(
    jot_client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    response = await jot_client.get(f"{URL}?search=tea")
    (line,) = requests(capsys)
    assert line["method"] == "GET"
    assert line["path"] == URL
    assert line["status"] == 200
    assert line["duration_ms"] > 0
    assert line["request_id"] == response.headers["X-Request-ID"]


async def test_valid_client_request_id_is_returned(client: AsyncClient) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": "abc-123"})
    assert response.headers["X-Request-ID"] == "abc-123"


@pytest.mark.parametrize("request_id", ["", "a b", 'a"}', "x" * 129, "né"])
async def test_invalid_client_request_id_is_replaced(client: AsyncClient, request_id: str) -> None:
    headers = {b"X-Request-ID": request_id.encode()}
    response = await client.get("/health/live", headers=headers)
    assert len(response.headers["X-Request-ID"]) == 32


async def test_health_probes_are_not_logged(
    client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/health/live")
    assert requests(capsys) == []
