"""Tests of owned files: access by the owner, by permissions and by API keys."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.auth import bearer, make_user

URL = "/api/v1/files"


async def upload(client: AsyncClient, headers: dict[str, str]) -> str:
    """Upload a file as the user whom the headers authenticate; return the file's URL."""
    created = await client.post(URL, params={"name": "a"}, content=b"text", headers=headers)
    assert created.status_code == 201
    return created.headers["Location"]


async def test_file_is_visible_only_to_owner(client: AsyncClient, session: AsyncSession) -> None:
    owner, other = bearer(await make_user(session)), bearer(await make_user(session))
    file_url = await upload(client, owner)
    for path in ("", "/content", "/link"):
        response = await client.get(f"{file_url}{path}", headers=other)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert (await client.delete(file_url, headers=other)).status_code == 404
    for headers, count in ((other, 0), (owner, 1)):
        listed = (await client.get(URL, headers=headers)).json()
        assert (listed["total"], len(listed["items"])) == (count, count)
    assert (await client.get(f"{file_url}/content", headers=owner)).content == b"text"
    assert (await client.delete(file_url, headers=owner)).status_code == 204


@pytest.mark.parametrize(
    ("permission", "status"), [("files:read", 404), ("files:write", 204), ("*", 204)]
)
async def test_permission_grants_access_to_all_files(
    client: AsyncClient, session: AsyncSession, permission: str, status: int
) -> None:
    file_url = await upload(client, bearer(await make_user(session)))
    entitled = bearer(await make_user(session, permission))
    assert (await client.get(f"{file_url}/content", headers=entitled)).content == b"text"
    assert (await client.delete(file_url, headers=entitled)).status_code == status


async def test_file_request_without_authentication_returns_401(client: AsyncClient) -> None:
    file_url = await upload(client, {})
    del client.headers["Authorization"]
    assert (await client.post(URL, params={"name": "a"}, content=b"text")).status_code == 401
    assert (await client.get(file_url)).status_code == 401


async def test_api_key_without_files_scope_returns_403(client: AsyncClient) -> None:
    file_url = await upload(client, {})
    created = await client.post("/api/v1/users/me/api-keys", json={"name": "a", "scopes": []})
    del client.headers["Authorization"]
    key = {"X-API-Key": created.json()["key"]}
    sent = await client.post(URL, params={"name": "a"}, content=b"text", headers=key)
    assert sent.status_code == 403
    assert (await client.get(file_url, headers=key)).status_code == 403
