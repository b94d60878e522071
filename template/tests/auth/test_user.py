"""Tests of users: list, create, update, soft delete, own profile."""

from datetime import timedelta
from uuid import UUID

from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.base import now
from app.models.user import User, UserRole
from tests.support.auth import bearer, log_in_again, make_role, make_user

URL = "/api/v1/users"


async def test_users_me_returns_current_user(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "products:write")
    me = (await client.get(f"{URL}/me", headers=bearer(user))).json()
    assert me["email"] == user.email
    assert [role["permissions"] for role in me["roles"]] == [["products:write"]]
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


async def test_user_list_finds_name_and_one_of_several_roles(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, "products:write", name="Ann Lee")
    both = [(await make_role(session, "orders:write")).name, "products:write"]
    await client.patch(f"{URL}/{user.id}", json={"roles": both})
    for query in ({"search": "ann"}, {"role": "orders:write"}, {"role": "products:write"}):
        items = (await client.get(URL, params=query)).json()["items"]
        assert [[role["name"] for role in item["roles"]] for item in items] == [both]


async def test_user_update_replaces_roles(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "stays:write")
    both = [(await make_role(session, name)).name for name in ("orders:write", "products:write")]
    for names in (both[1:], both, []):
        updated = await client.patch(f"{URL}/{user.id}", json={"roles": names})
        assert [role["name"] for role in updated.json()["roles"]] == names


async def test_permissions_are_union_of_roles(client: AsyncClient, session: AsyncSession) -> None:
    user = await make_user(session, "users:read")
    role = await make_role(session, "roles:write")
    session.add(UserRole(user_id=user.id, role_id=role.id))
    await session.commit()
    assert (await client.get(URL, headers=bearer(user))).status_code == 200
    response = await client.put("/api/v1/roles/x", json={"permissions": []}, headers=bearer(user))
    assert response.status_code == 200


async def test_user_update_with_unknown_role_returns_422(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    response = await client.patch(f"{URL}/{user.id}", json={"roles": ["nonsense"]})
    assert response.status_code == 422
    assert [error["location"] for error in response.json()["errors"]] == ["body.roles.0"]


async def test_created_user_has_roles_and_name(client: AsyncClient, session: AsyncSession) -> None:
    role = await make_role(session, "products:write")
    new = {"email": "Ann@Example.com", "name": "Ann", "roles": [role.name, role.name]}
    created = await client.post(URL, json=new)
    assert created.status_code == 201
    body = (await client.get(created.headers["Location"])).json()
    assert body == created.json()
    assert (body["email"], body["name"]) == ("ann@example.com", "Ann")
    assert [each["name"] for each in body["roles"]] == [role.name]
    assert body["verified_at"] is None
    assert (await client.post(URL, json=new)).status_code == 409


async def test_own_profile_update_changes_name_only(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, "users:read")
    for name in ("Ann", None):
        changed = await client.patch(f"{URL}/me", json={"name": name}, headers=bearer(user))
        assert changed.json()["name"] == name
    for field in ("roles", "disabled", "email", "verified_at"):
        response = await client.patch(f"{URL}/me", json={field: []}, headers=bearer(user))
        assert response.status_code == 422


async def test_deleted_own_account_cannot_be_used(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session, "products:write")
    assert (await client.delete(f"{URL}/me", headers=bearer(user))).status_code == 204
    assert (await client.get(f"{URL}/me", headers=bearer(user))).status_code == 401
    assert (await client.get(f"{URL}/{user.id}")).status_code == 404
    assert (await client.delete("/api/v1/roles/products:write")).status_code == 204


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


async def test_administrator_lists_and_revokes_api_keys_of_user(
    client: AsyncClient, session: AsyncSession
) -> None:
    user, other = await make_user(session), await make_user(session)
    new, keys = {"name": "robot", "scopes": []}, f"{URL}/{user.id}/api-keys"
    secrets = [
        (await client.post(f"{URL}/me/api-keys", json=new, headers=bearer(user))).json()["key"]
        for _ in range(3)
    ]
    first, *_ = (await client.get(keys)).json()
    assert "key" not in first
    assert (await client.delete(f"{URL}/{other.id}/api-keys/{first['id']}")).status_code == 404
    assert (await client.delete(f"{keys}/{first['id']}")).status_code == 204
    assert len((await client.get(keys)).json()) == 2
    assert (await client.delete(keys)).status_code == 204
    assert (await client.get(keys)).json() == []
    del client.headers["Authorization"]
    for secret in secrets:
        response = await client.get(f"{URL}/me", headers={"X-API-Key": secret})
        assert response.status_code == 401
