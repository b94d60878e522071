"""Users and roles, as administrators see them."""

from datetime import timedelta
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import now
from app.models.user import User
from tests.support.auth import bearer, make_role, make_user

URL = "/api/v1/users"


async def test_somebody_sees_themself(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "products:write")
    shown = (await client.get(f"{URL}/me", headers=bearer(user))).json()
    assert (shown["email"], shown["role"]["permissions"]) == (user.email, ["products:write"])
    assert not [name for name in shown if "password" in name]


async def test_users_are_listed(client: AsyncClient, session: AsyncSession) -> None:
    one, two = await make_user(session, "products:write"), await make_user(session)
    found = (await client.get(URL, params={"search": one.email})).json()
    assert ([user["id"] for user in found["items"]], found["total"]) == ([str(one.id)], 1)
    by_role = (await client.get(URL, params={"role": "products:write"})).json()
    assert [user["id"] for user in by_role["items"]] == [str(one.id)]
    newest = (await client.get(URL, params={"sort": "-created_at", "size": 1})).json()
    assert [user["id"] for user in newest["items"]] == [str(two.id)]
    assert (await client.get(f"{URL}/{one.id}")).json()["email"] == one.email


async def test_a_role_is_given_and_taken(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session)
    role = await make_role(session, "products:write")
    given = await client.patch(f"{URL}/{user.id}", json={"role": role.name})
    assert given.json()["role"] == {"name": role.name, "permissions": ["products:write"]}
    assert (await client.patch(f"{URL}/{user.id}", json={"role": None})).json()["role"] is None


async def test_a_role_that_is_not_there_is_refused(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    refused = await client.patch(f"{URL}/{user.id}", json={"role": "nonsense"})
    assert refused.status_code == 422
    assert [error["location"] for error in refused.json()["errors"]] == ["body.role"]


async def test_who_is_disabled_is_out_until_they_are_enabled(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    headers = bearer(user, issued=now() - timedelta(minutes=1))
    off = await client.patch(f"{URL}/{user.id}", json={"disabled": True})
    assert off.json()["disabled_at"] is not None
    assert (await client.get(f"{URL}/me", headers=headers)).status_code == 401
    on = await client.patch(f"{URL}/{user.id}", json={"disabled": False})
    assert on.json()["disabled_at"] is None
    assert (await client.get(f"{URL}/me", headers=headers)).status_code == 401
    assert (await client.get(f"{URL}/me", headers=bearer(user))).status_code == 200


async def test_who_is_deleted_is_gone_but_the_row_stays(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    assert (await client.delete(f"{URL}/{user.id}")).status_code == 204
    assert (await client.get(f"{URL}/{user.id}")).status_code == 404
    assert (await client.delete(f"{URL}/{user.id}")).status_code == 404
    await session.refresh(user)
    assert user.deleted_at is not None


async def test_nobody_locks_themself_out(client: AsyncClient, session: AsyncSession) -> None:
    mine = (await client.get(f"{URL}/me")).json()["id"]
    refused = await client.patch(f"{URL}/{mine}", json={"disabled": True})
    assert refused.status_code == 409
    assert (await client.delete(f"{URL}/{mine}")).status_code == 409
    kept = await session.get_one(User, UUID(mine))
    assert (kept.disabled_at, kept.deleted_at) == (None, None)


async def test_a_role_is_made_and_changed(client: AsyncClient) -> None:
    for permissions in (["b:read", "a:write"], []):
        put = await client.put("/api/v1/roles/clerk", json={"permissions": permissions})
        assert put.json() == {"name": "clerk", "permissions": sorted(permissions)}
    names = [role["name"] for role in (await client.get("/api/v1/roles")).json()]
    assert names == sorted(names)
    assert "clerk" in names


@pytest.mark.parametrize("permission", ["products", "products:", "PRODUCTS:WRITE", "**"])
async def test_what_is_no_permission_is_refused(client: AsyncClient, permission: str) -> None:
    refused = await client.put("/api/v1/roles/clerk", json={"permissions": [permission]})
    assert refused.status_code == 422
