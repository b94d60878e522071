"""Tests of roles: upsert, deletion, known permissions."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions
from tests.support.auth import make_role, make_user

URL = "/api/v1/roles"


async def test_put_role_creates_or_replaces_role(client: AsyncClient) -> None:
    for names in (["users:write", "users:read"], []):
        response = await client.put(f"{URL}/clerk", json={"permissions": names})
        assert response.json() == {"name": "clerk", "permissions": sorted(names)}
    names = [role["name"] for role in (await client.get(URL)).json()]
    assert names == sorted(names)
    assert "clerk" in names


async def test_role_name_is_normalized_to_nfc(client: AsyncClient) -> None:
    for name in ("Café", "Cafe\u0301"):
        response = await client.put(f"{URL}/{name}", json={"permissions": []})
        assert response.json()["name"] == "Café"
    assert (await client.delete(f"{URL}/Cafe\u0301")).status_code == 204


@pytest.mark.parametrize("permission", ["products", "products:", "PRODUCTS:WRITE", "**"])
async def test_put_role_with_invalid_permission_returns_422(
    client: AsyncClient, permission: str
) -> None:
    response = await client.put(f"{URL}/clerk", json={"permissions": [permission]})
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("permission", "advice"),
    [("users:rite", "Did you mean users:write?"), ("zzzz:q", "Known permissions: *, ")],
)
@pytest.mark.parametrize(
    ("method", "path", "field"),
    [("PUT", URL + "/clerk", "permissions"), ("POST", "/api/v1/users/me/api-keys", "scopes")],
)
async def test_unknown_permission_returns_422_with_suggestion(
    client: AsyncClient, method: str, path: str, field: str, permission: str, advice: str
) -> None:
    body = {field: ["users:read", permission]} | ({"name": "x"} if field == "scopes" else {})
    response = await client.request(method, path, json=body)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["location"] == f"body.{field}.1"
    assert advice in error["message"]


def test_known_permissions_include_those_of_routes() -> None:
    assert {"*", "users:read", "users:write", "roles:write"} <= set(permissions.known())


async def test_role_with_unknown_permission_can_be_read_and_deleted(
    client: AsyncClient, session: AsyncSession
) -> None:
    await make_user(session, "retired:write")
    role = await make_role(session, "other:write")
    assert (await client.get(URL)).status_code == 200
    users = (await client.get("/api/v1/users", params={"role": "retired:write"})).json()
    assert users["items"][0]["roles"][0]["permissions"] == ["retired:write"]
    assert (await client.delete(f"{URL}/{role.name}")).status_code == 204


async def test_delete_role_of_user_returns_409(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "products:write")
    path = f"{URL}/products:write"
    response = await client.delete(path)
    assert response.status_code == 409
    assert "users have this role" in response.json()["detail"]
    await client.patch(f"/api/v1/users/{user.id}", json={"roles": []})
    assert (await client.delete(path)).status_code == 204
    assert (await client.delete(path)).status_code == 404


async def test_delete_role_in_deprecated_column_succeeds(
    client: AsyncClient, session: AsyncSession
) -> None:
    role = await make_role(session, "products:write")
    user = await make_user(session, role_id=role.id)
    assert (await client.delete(f"{URL}/{role.name}")).status_code == 204
    await session.refresh(user)
    assert user.role_id is None
