"""Tests of the limit of nested JSON: in fields of resources, and in whole bodies."""

import json

import pytest
from httpx2 import AsyncClient

from app.limits.json_depth import JSON_DEPTH
from app.main import create_app
from app.settings import ConfigurationError
from tests.support.live_server import Live
from tests.support.sample_resource import URL, payload


def nested(depth: int, *, objects: bool = False) -> str:
    """Return a JSON array, or an object, that is nested to a depth."""
    start, end = ('{"a":', "}") if objects else ("[", "]")
    return start * (depth - 1) + ("{}" if objects else "[]") + end * (depth - 1)


@pytest.mark.parametrize("objects", [False, True])
async def test_json_field_up_to_limit_is_stored_and_read(live: Live, *, objects: bool) -> None:
    extra = json.loads(nested(JSON_DEPTH.limit, objects=objects))
    response = await live.client.post(URL, json=payload(extra=extra))
    assert response.status_code == 201
    assert (await live.client.get(response.headers["Location"])).json()["extra"] == extra
    assert (await live.client.get(f"{URL}/export")).status_code == 200


@pytest.mark.parametrize("objects", [False, True])
@pytest.mark.parametrize("depth", [101, 300, 900])
async def test_json_field_over_limit_is_rejected(
    jot_client: AsyncClient, depth: int, *, objects: bool
) -> None:
    body = f'{{"title": "deep", "extra": {nested(depth, objects=objects)}}}'
    response = await jot_client.post(
        URL, content=body, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["location"] == "body.extra"
    assert error["message"] == "Must not be nested deeper than 100 levels."


@pytest.mark.parametrize("field", ["extra", "title", "unknown"])
@pytest.mark.parametrize("depth", [300, 900, 100_000])
async def test_nested_body_is_rejected(jot_client: AsyncClient, depth: int, field: str) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (nested(depth), f'{{"title": "deep", "{field}": {nested(depth)}}}'):
        response = await jot_client.post(URL, content=body, headers=headers)
        assert response.status_code == 422


def test_limit_is_configured_by_setting(monkeypatch: pytest.MonkeyPatch, shared_url: str) -> None:
    _ = shared_url
    monkeypatch.setattr(JSON_DEPTH, "limit", 100)  # restored after the test
    monkeypatch.setenv("JSON_DEPTH_LIMIT", "2")
    create_app()
    JSON_DEPTH.check([["a", 1]])
    with pytest.raises(ValueError, match="Must not be nested deeper than 2 levels"):
        JSON_DEPTH.check([[{}]])
    monkeypatch.setenv("JSON_DEPTH_LIMIT", "201")
    with pytest.raises(ConfigurationError, match="JSON_DEPTH_LIMIT"):
        create_app()
