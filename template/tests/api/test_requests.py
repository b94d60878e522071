"""Tests of request variants: media types, unknown and repeated parameters, upper-case ids."""

import json

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support import sample_resource
from tests.support.sample_resource import URL


@pytest.mark.parametrize("media_type", ["application/json", "application/merge-patch+json"])
async def test_patch_accepts_json_merge_patch(
    jot_client: AsyncClient, session: AsyncSession, media_type: str
) -> None:
    jot = await sample_resource.make(session, text="old")
    response = await jot_client.patch(
        f"{URL}/{jot.id}",
        content=json.dumps({"text": "new"}),
        headers={"Content-Type": media_type},
    )
    assert (response.status_code, response.json()["text"]) == (200, "new")


async def test_unknown_field_or_parameter_returns_422(jot_client: AsyncClient) -> None:
    for response, location in {
        await jot_client.post(URL, json=sample_resource.payload(colour="red")): "body.colour",
        await jot_client.get(URL, params={"colour": "red"}): "query.colour",
    }.items():
        assert response.status_code == 422
        (problem,) = response.json()["errors"]
        assert (problem["location"], problem["code"]) == (location, "extra_forbidden")


async def test_repeated_parameter_is_list_or_its_last_value(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    for title, kind in (("Tea", "idea"), ("Coffee", "task")):
        await sample_resource.make(session, title=title, kind=kind)
    both = await jot_client.get(URL, params={"kind": ["idea", "task"]})
    assert both.json()["total"] == 2
    last = await jot_client.get(URL, params={"title": ["Tea", "Coffee"]})
    assert [item["title"] for item in last.json()["items"]] == ["Coffee"]


async def test_upper_case_uuid_is_the_same_id(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    jot = await sample_resource.make(session)
    response = await jot_client.get(f"{URL}/{str(jot.id).upper()}")
    assert (response.status_code, response.json()["id"]) == (200, str(jot.id))


async def test_trailing_slash_returns_404_without_redirect(jot_client: AsyncClient) -> None:
    for method in ("GET", "POST"):
        response = await jot_client.request(method, f"{URL}/", follow_redirects=False)
        assert (response.status_code, "Location" in response.headers) == (404, False)
