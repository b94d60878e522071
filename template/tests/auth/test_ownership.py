"""Whose rows a caller reaches: everybody's by a permission, or else their own."""

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

READING = ("notes:read", "notes:write")  # either of which opens everybody's


@pytest.mark.parametrize("permission", [*READING, EVERYTHING])
async def test_a_permission_opens_everybodys_rows(session: AsyncSession, permission: str) -> None:
    caller = Caller(await make_user(session, permission))
    assert scope_of(caller, *READING) == ALL
    assert await References({"note_id": "notes"})(caller) == {"note_id": ALL}


async def test_everybody_reaches_their_own_rows(session: AsyncSession) -> None:
    caller = Caller(await make_user(session, "others:read"))
    assert await OwnerOrPermission(*READING)(caller) == Scope(caller.user.id)
    assert await References({"note_id": "notes"})(caller) == {"note_id": Scope(caller.user.id)}


@pytest.mark.parametrize("scope", [*READING, EVERYTHING])
async def test_a_key_opens_no_more_than_its_user_may(session: AsyncSession, scope: str) -> None:
    caller = Caller(await make_user(session), frozenset({scope}), "12345678")
    assert scope_of(caller, *READING) == Scope(caller.user.id)


async def test_a_key_reaches_nothing_beyond_its_scopes(session: AsyncSession) -> None:
    scopes = frozenset({"notes:read"})
    caller = Caller(await make_user(session, EVERYTHING), scopes, "12345678")
    assert scope_of(caller, *READING) == ALL
    assert await References({"note_id": "pages"})(caller) == {"note_id": NONE}
    with pytest.raises(Forbidden, match="notes:write"):
        await OwnerOrPermission("notes:write")(caller)


async def test_rows_are_those_of_their_owner(client: AsyncClient, session: AsyncSession) -> None:
    user, other = await allow(session), await make_user(session)
    await use_key(client)
    for owner, count in {user.id: 1, other.id: 0, None: 1}.items():
        rows = select(ApiKey).where(*owned(ApiKey.user_id, Scope(owner)))
        assert len((await session.scalars(rows)).all()) == count
