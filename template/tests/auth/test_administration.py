"""Tests of administration: no escalation of privileges, and always one administrator."""

import asyncio
from typing import Any

import pytest
from httpx2 import AsyncClient, Response
from sqlalchemy import Update, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.admin import grant_admin
from app.errors import Error, Forbidden, Unauthenticated
from app.models.base import now
from app.models.user import EVERYTHING, Role, User
from app.schemas.user import UserUpdate
from app.services import role as roles
from app.services import user as users
from app.services.role import ADMIN_ROLE
from tests.support.auth import bearer, make_role, make_user
from tests.support.live_server import Live

USERS, ROLES = "/api/v1/users", "/api/v1/roles"
DISABLE: dict[str, Any] = {"json": {"disabled": True}}
DISABLED = {"disabled_at": now()}


@pytest.fixture
async def admin(client: AsyncClient, session: AsyncSession) -> User:
    """Return an administrator besides the client's user."""
    _ = client
    user = await grant_admin(session, "root@example.com")
    await session.commit()
    return user


async def assert_unchanged(client: AsyncClient, user: User) -> None:
    """Assert that a user is an enabled administrator."""
    body = (await client.get(f"{USERS}/{user.id}")).json()
    assert body["disabled_at"] is None
    assert [role["permissions"] for role in body["roles"]] == [[EVERYTHING]]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", {"disabled": True}),
        ("PATCH", "", {"roles": []}),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("DELETE", "/api-keys", None),
    ],
)
async def test_user_manager_cannot_change_administrator(
    client: AsyncClient,
    session: AsyncSession,
    admin: User,
    method: str,
    path: str,
    body: dict[str, object] | None,
) -> None:
    manager = await make_user(session, "users:write", "users:read")
    response = await client.request(
        method, f"{USERS}/{admin.id}{path}", json=body, headers=bearer(manager)
    )
    assert response.status_code == 403
    await assert_unchanged(client, admin)


async def test_user_manager_cannot_grant_more_than_own_permissions(
    client: AsyncClient, session: AsyncSession, admin: User
) -> None:
    _ = admin
    headers = bearer(await make_user(session, "users:write", "users:read"))
    accomplice, more = await make_user(session), await make_role(session, "roles:write")
    less = await make_role(session, "users:read")
    for name, status in ((ADMIN_ROLE, 403), (more.name, 403), (less.name, 200)):
        granted = await client.patch(
            f"{USERS}/{accomplice.id}", json={"roles": [name]}, headers=headers
        )
        assert granted.status_code == status
        new = {"email": f"{status}{name[:5]}@example.com".replace(":", ""), "roles": [name]}
        created = await client.post(USERS, json=new, headers=headers)
        assert created.status_code == (201 if status == 200 else status)


async def test_role_manager_cannot_grant_more_than_own_permissions(
    client: AsyncClient, session: AsyncSession
) -> None:
    manager = await make_user(session, "roles:write")
    for path in (f"{ROLES}/roles:write", f"{ROLES}/new"):
        for permissions in ([EVERYTHING], ["roles:write", "users:read"]):
            response = await client.put(
                path, json={"permissions": permissions}, headers=bearer(manager)
            )
            assert response.status_code == 403
    response = await client.get(USERS, headers=bearer(manager))
    assert response.status_code == 403


async def test_role_manager_cannot_revoke_permissions_that_they_lack(
    client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session, "roles:write"))
    other = await make_user(session, "users:read")
    assert other.roles[0].name == "users:read"
    path = f"{ROLES}/users:read"
    empty = await client.put(path, json={"permissions": []}, headers=headers)
    assert empty.status_code == 403
    assert (await client.delete(path, headers=headers)).status_code == 403


async def test_role_manager_cannot_change_role_of_user_who_holds_more(
    client: AsyncClient, session: AsyncSession
) -> None:
    headers = bearer(await make_user(session, "roles:write", "users:read"))
    other = await make_user(session, "users:read")
    path = f"{ROLES}/users:read"
    body: dict[str, list[str]] = {"permissions": []}
    more = (await make_role(session, "users:write")).name
    await client.patch(f"{USERS}/{other.id}", json={"roles": ["users:read", more]})
    assert (await client.put(path, json=body, headers=headers)).status_code == 403
    await client.patch(f"{USERS}/{other.id}", json={"roles": ["users:read"]})
    assert (await client.put(path, json=body, headers=headers)).status_code == 200


async def test_api_key_cannot_change_users_or_roles(
    client: AsyncClient, session: AsyncSession
) -> None:
    user = await make_user(session)
    new = {"name": "robot", "scopes": [EVERYTHING]}
    key = (await client.post(f"{USERS}/me/api-keys", json=new)).json()["key"]
    del client.headers["Authorization"]
    client.headers["X-API-Key"] = key
    assert (await client.get(USERS)).status_code == 200
    responses = [
        await client.post(USERS, json={"email": "new@example.com"}),
        await client.patch(f"{USERS}/{user.id}", json={"roles": []}),
        await client.delete(f"{USERS}/{user.id}"),
        await client.delete(f"{USERS}/{user.id}/api-keys"),
        await client.patch(f"{USERS}/me", json={"name": "x"}),
        await client.delete(f"{USERS}/me"),
        await client.put(f"{ROLES}/new", json={"permissions": []}),
        await client.delete(f"{ROLES}/new"),
    ]
    assert {response.status_code for response in responses} == {403}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (update(Role).values(permissions=[]), Forbidden),
        (update(User).values(DISABLED), Unauthenticated),
    ],
    ids=["role", "disabled"],
)
async def test_caller_who_lost_access_meanwhile_is_rejected(
    session: AsyncSession, change: Update, error: type[Error]
) -> None:
    user = await make_user(session)
    caller = await make_user(session, "users:write")
    session.expunge_all()
    await session.execute(change)  # after the request was authenticated
    with pytest.raises(error):
        await users.update(session, user.id, caller, UserUpdate(name="x"))


async def test_administrator_role_keeps_all_permissions(client: AsyncClient, admin: User) -> None:
    for permissions in ([], ["users:write"]):
        response = await client.put(f"{ROLES}/{ADMIN_ROLE}", json={"permissions": permissions})
        assert response.status_code == 409
    assert (await client.delete(f"{ROLES}/{ADMIN_ROLE}")).status_code == 409
    await assert_unchanged(client, admin)


async def test_last_administrator_cannot_lose_access(
    client: AsyncClient, session: AsyncSession
) -> None:
    me = (await client.get(f"{USERS}/me")).json()
    await make_user(session, EVERYTHING, disabled_at=now())
    await make_user(session, "users:write")
    (role,) = me["roles"]
    responses = [
        await client.delete(f"{USERS}/me"),
        await client.delete(f"{USERS}/{me['id']}"),
        await client.patch(f"{USERS}/{me['id']}", json={"disabled": True}),
        await client.patch(f"{USERS}/{me['id']}", json={"roles": []}),
        await client.put(f"{ROLES}/{role['name']}", json={"permissions": ["users:read"]}),
        await client.delete(f"{ROLES}/{role['name']}"),
    ]
    assert [response.status_code for response in responses] == [409] * 6
    await make_user(session, EVERYTHING, verified_at=None)  # may be unable to log in
    assert (await client.delete(f"{USERS}/me")).status_code == 409
    await make_user(session, EVERYTHING)
    assert (await client.delete(f"{USERS}/me")).status_code == 204


async def duel(live: Live, method: str, options: dict[str, Any]) -> list[Response]:
    """Let the only two administrators remove each other at the same time."""
    async with live.app.state.sessions() as session:
        await session.execute(update(User).values(disabled_at=now()))
        pair = [await make_user(session, EVERYTHING) for _ in range(2)]
    return await asyncio.gather(
        *(
            live.client.request(method, f"{USERS}/{other.id}", headers=bearer(one), **options)
            for one, other in (pair, pair[::-1])
        )
    )


async def assert_one_survives(live: Live, method: str, options: dict[str, Any]) -> None:
    """Assert that one of two requests succeeds, and that its caller remains administrator."""
    responses = await duel(live, method, options)
    succeeded = [response for response in responses if response.is_success]
    assert len(succeeded) == 1, [response.text for response in responses]
    headers = dict(succeeded[0].request.headers)
    remaining = await live.client.get(USERS, headers={"Authorization": headers["authorization"]})
    assert remaining.status_code == 200


REMOVALS = [("PATCH", DISABLE), ("PATCH", {"json": {"roles": []}}), ("DELETE", {})]


@pytest.mark.parametrize(("method", "options"), REMOVALS, ids=["disable", "roles", "delete"])
async def test_concurrent_administrators_cannot_remove_each_other(
    live: Live, monkeypatch: pytest.MonkeyPatch, method: str, options: dict[str, Any]
) -> None:
    count = roles.count_administrators

    async def count_slowly(session: AsyncSession) -> tuple[int, int]:
        counts = await count(session)
        await asyncio.sleep(0.05)  # the other request runs meanwhile, unless it waits for a lock
        return counts

    monkeypatch.setattr(roles, "count_administrators", count_slowly)
    await assert_one_survives(live, method, options)


@pytest.mark.drill
@pytest.mark.parametrize(("method", "options"), REMOVALS, ids=["disable", "roles", "delete"])
async def test_concurrent_administrators_never_remove_each_other(
    live: Live, method: str, options: dict[str, Any]
) -> None:
    for _ in range(25):
        await assert_one_survives(live, method, options)
