"""Files that are somebody's own: nobody else sees, has or removes them, but with a permission."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.auth import bearer, make_user

URL = "/api/v1/files"


async def keep(client: AsyncClient, headers: dict[str, str]) -> str:
    """Keep a file of somebody's, and say where it is."""
    made = await client.post(URL, params={"name": "a"}, content=b"text", headers=headers)
    assert made.status_code == 201
    return made.headers["Location"]


async def test_a_file_is_its_owners_alone(client: AsyncClient, session: AsyncSession) -> None:
    owner, other = bearer(await make_user(session)), bearer(await make_user(session))
    place = await keep(client, owner)
    for way in ("", "/content", "/link"):
        refused = await client.get(f"{place}{way}", headers=other)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (await client.delete(place, headers=other)).status_code == 404
    for headers, count in ((other, 0), (owner, 1)):
        listed = (await client.get(URL, headers=headers)).json()
        assert (listed["total"], len(listed["items"])) == (count, count)
    assert (await client.get(f"{place}/content", headers=owner)).content == b"text"
    assert (await client.delete(place, headers=owner)).status_code == 204


@pytest.mark.parametrize(
    ("permission", "removed"), [("files:read", 404), ("files:write", 204), ("*", 204)]
)
async def test_a_permission_opens_everybodys_files(
    client: AsyncClient, session: AsyncSession, permission: str, removed: int
) -> None:
    place = await keep(client, bearer(await make_user(session)))
    entitled = bearer(await make_user(session, permission))
    assert (await client.get(f"{place}/content", headers=entitled)).content == b"text"
    assert (await client.delete(place, headers=entitled)).status_code == removed


async def test_nobody_else_sends_or_has_a_file(client: AsyncClient) -> None:
    place = await keep(client, {})
    del client.headers["Authorization"]
    sent = await client.post(URL, params={"name": "a"}, content=b"text")
    assert (sent.status_code, (await client.get(place)).status_code) == (401, 401)


async def test_a_key_needs_a_scope(client: AsyncClient) -> None:
    place = await keep(client, {})
    made = await client.post("/api/v1/users/me/api-keys", json={"name": "a", "scopes": []})
    del client.headers["Authorization"]
    key = {"X-API-Key": made.json()["key"]}
    sent = await client.post(URL, params={"name": "a"}, content=b"text", headers=key)
    assert (sent.status_code, (await client.get(place, headers=key)).status_code) == (403, 403)
