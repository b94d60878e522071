"""Tests of ownership: callers access their own rows, or all rows by permission."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.auth.ownership import OwnerOrPermission, References, scope_of
from app.errors import Forbidden
from app.models.api_key import ApiKey
from app.models.user import EVERYTHING
from app.scope import ALL, NONE, Scope, owned
from tests.support.auth import make_user
from tests.support.ownership import allow, use_key

PERMISSIONS = ("notes:read", "notes:write")  # either grants all rows


@pytest.mark.parametrize("permission", [*PERMISSIONS, EVERYTHING])
async def test_permission_grants_access_to_all_rows(session: AsyncSession, permission: str) -> None:
    caller = Caller(await make_user(session, permission))
    assert scope_of(caller, *PERMISSIONS) == ALL
    assert await References({"note_id": "notes"})(caller) == {"note_id": ALL}


async def test_caller_without_permission_accesses_own_rows(session: AsyncSession) -> None:
    caller = Caller(await make_user(session, "others:read"))
    assert await OwnerOrPermission(*PERMISSIONS)(caller) == Scope(caller.user.id)
    assert await References({"note_id": "notes"})(caller) == {"note_id": Scope(caller.user.id)}


@pytest.mark.parametrize("scope", [*PERMISSIONS, EVERYTHING])
async def test_api_key_scope_cannot_exceed_user_permissions(
    session: AsyncSession, scope: str
) -> None:
    caller = Caller(await make_user(session), frozenset({scope}), "12345678")
    assert scope_of(caller, *PERMISSIONS) == Scope(caller.user.id)


async def test_api_key_without_scope_accesses_no_rows(session: AsyncSession) -> None:
    scopes = frozenset({"notes:read"})
    caller = Caller(await make_user(session, EVERYTHING), scopes, "12345678")
    assert scope_of(caller, *PERMISSIONS) == ALL
    assert await References({"note_id": "pages"})(caller) == {"note_id": NONE}
    with pytest.raises(Forbidden, match="notes:write"):
        await OwnerOrPermission("notes:write")(caller)


async def test_owned_returns_filter_by_owner(client: AsyncClient, session: AsyncSession) -> None:
    user, other = await allow(session), await make_user(session)
    await use_key(client)
    for owner, count in {user.id: 1, other.id: 0, None: 1}.items():
        statement = select(ApiKey).where(*owned(ApiKey.user_id, Scope(owner)))
        assert len((await session.scalars(statement)).all()) == count
