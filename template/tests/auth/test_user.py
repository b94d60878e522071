"""Tests of users and roles: list, update, soft delete."""

from datetime import timedelta
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import now
from app.models.user import User
from tests.support.auth import bearer, log_in_again, make_role, make_user

URL = "/api/v1/users"


async def test_users_me_returns_current_user(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "products:write")
    me = (await client.get(f"{URL}/me", headers=bearer(user))).json()
    assert me["email"] == user.email
    assert me["role"]["permissions"] == ["products:write"]
    assert not [name for name in me if "password" in name]


async def test_user_list_filters_sorts_and_counts(
    client: AsyncClient, session: AsyncSession
) -> None:
    one, two = await make_user(session, "products:write"), await make_user(session)
    by_email = (await client.get(URL, params={"search": one.email})).json()
    assert [user["id"] for user in by_email["items"]] == [str(one.id)]
    assert by_email["total"] == 1
    by_role = (await client.get(URL, params={"role": "products:write"})).json()
    assert [user["id"] for user in by_role["items"]] == [str(one.id)]
    newest = (await client.get(URL, params={"sort": "-created_at", "size": 1})).json()
    assert [user["id"] for user in newest["items"]] == [str(two.id)]
    assert (await client.get(f"{URL}/{one.id}")).json()["email"] == one.email


async def test_user_update_assigns_and_removes_role(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    role = await make_role(session, "products:write")
    updated = await client.patch(f"{URL}/{user.id}", json={"role": role.name})
    assert updated.json()["role"] == {"name": role.name, "permissions": ["products:write"]}
    assert (await client.patch(f"{URL}/{user.id}", json={"role": None})).json()["role"] is None


async def test_user_update_with_unknown_role_returns_422(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    response = await client.patch(f"{URL}/{user.id}", json={"role": "nonsense"})
    assert response.status_code == 422
    assert response.json()["detail"] == "Role does not exist."
    assert [error["location"] for error in response.json()["errors"]] == ["body.role"]


async def test_disabled_user_cannot_use_tokens(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    headers = bearer(user, issued=now() - timedelta(minutes=1))
    disabled = await client.patch(f"{URL}/{user.id}", json={"disabled": True})
    assert disabled.json()["disabled_at"] is not None
    assert (await client.get(f"{URL}/me", headers=headers)).status_code == 401
    enabled = await client.patch(f"{URL}/{user.id}", json={"disabled": False})
    assert enabled.json()["disabled_at"] is None
    assert (await client.get(f"{URL}/me", headers=headers)).status_code == 401
    again = await log_in_again(session, user)
    assert (await client.get(f"{URL}/me", headers=again)).status_code == 200


async def test_deleted_user_stays_in_database(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    assert (await client.delete(f"{URL}/{user.id}")).status_code == 204
    assert (await client.get(f"{URL}/{user.id}")).status_code == 404
    assert (await client.delete(f"{URL}/{user.id}")).status_code == 404
    await session.refresh(user)
    assert user.deleted_at is not None


async def test_own_account_cannot_be_disabled_or_deleted(
    client: AsyncClient, session: AsyncSession
) -> None:
    user_id = (await client.get(f"{URL}/me")).json()["id"]
    response = await client.patch(f"{URL}/{user_id}", json={"disabled": True})
    assert response.status_code == 409
    assert (await client.delete(f"{URL}/{user_id}")).status_code == 409
    user = await session.get_one(User, UUID(user_id))
    assert user.disabled_at is None
    assert user.deleted_at is None


async def test_put_role_creates_or_replaces_role(client: AsyncClient) -> None:
    for permissions in (["b:read", "a:write"], []):
        response = await client.put("/api/v1/roles/clerk", json={"permissions": permissions})
        assert response.json() == {"name": "clerk", "permissions": sorted(permissions)}
    names = [role["name"] for role in (await client.get("/api/v1/roles")).json()]
    assert names == sorted(names)
    assert "clerk" in names


@pytest.mark.parametrize("permission", ["products", "products:", "PRODUCTS:WRITE", "**"])
async def test_put_role_with_invalid_permission_returns_422(
    client: AsyncClient, permission: str
) -> None:
    response = await client.put("/api/v1/roles/clerk", json={"permissions": [permission]})
    assert response.status_code == 422
