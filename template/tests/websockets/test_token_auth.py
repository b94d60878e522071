"""Changes are told to those who may read them, and for as long as they may."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from fastapi import Depends
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from app.auth import SIGNED_IN, Caller, require_permission
from app.changes import Change, Kind
from app.main import create_app
from app.models.base import now
from app.models.user import User
from app.scope import ALL, Scope
from app.websockets.channels import Channel
from app.websockets.hub import HUB
from tests.support.auth import bearer, make_role, make_user
from tests.support.timeouts import DEADLINE, wait_until
from tests.support.websocket_service import Told, closed, event, heard, telling

DIARY, LEDGER, CLUB, NOTICE = "test-diaries", "test-ledgers", "test-clubs", "test-notices"


class OwnDiary:
    """Policy of a resource whose rows have an owner."""

    def __call__(self) -> None:
        """Do nothing: only `scope` is used."""

    def scope(self, caller: Caller) -> Scope:
        """Return the caller's own rows, or all with a permission."""
        return ALL if caller.may("diaries:read") else Scope(caller.user.id)


CHANNELS = {
    DIARY: Channel(Depends(OwnDiary())),
    LEDGER: Channel(require_permission("ledgers:read")),
    CLUB: Channel(),  # its router exports no `READ`
    NOTICE: Channel(SIGNED_IN),
}


@pytest.fixture
async def told(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Told, None]:
    """Serve, and look often whether who listens still may."""
    _ = database_url
    monkeypatch.setenv("WEBSOCKETS_HEARTBEAT", str(DEADLINE))  # for a ping to be answered, too
    app = create_app()
    hub = HUB.get(app)
    hub.config = hub.config.model_copy(update={"heartbeat": 0.1})
    hub.channels |= CHANNELS
    async with telling(app) as found:
        yield found


async def somebody(told: Told, *permissions: str) -> User:
    """Make a user who may do some things."""
    async with told.app.state.sessions() as session:
        return await make_user(session, *permissions)


def change(told: Told, room: str, owner: UUID | None = None) -> str:
    """Tell that a row is new, and give its id."""
    made = uuid4()
    told.hub.publish_changes([Change(room.replace("-", "_"), Kind.CREATED, made, owner)])
    return str(made)


async def hears(socket: ClientConnection, *ids: str) -> bool:
    """Say whether these are what is told next."""
    return [(await heard(socket))["id"] for _ in ids] == list(ids)


@pytest.mark.parametrize("query", ["", "?token={token}", "?access_token={token}"])
async def test_nobody_listens_without_signing_in(told: Told, query: str) -> None:
    token = bearer(await somebody(told))["Authorization"].removeprefix("Bearer ")
    with pytest.raises(InvalidStatus) as caught:
        async with told.socket(query.format(token=token)):
            pass
    assert caught.value.response.status_code == 401
    assert await told.asked(query.format(token=token)) == (401, "unauthenticated")


async def test_a_token_is_shown_as_everywhere_else_or_as_a_subprotocol(told: Told) -> None:
    headers = bearer(await somebody(told))
    async with told.socket(additional_headers=headers) as socket:
        assert socket.subprotocol is None
    token = headers["Authorization"].replace("Bearer ", "bearer.")
    async with told.socket(subprotocols=["changes", token]) as socket:
        assert socket.subprotocol == "changes"
    with pytest.raises(InvalidStatus):
        async with told.socket(subprotocols=["changes", "bearer.nonsense"]):
            pass


async def test_what_is_somebodys_own_is_told_to_them(told: Told) -> None:
    owner, reader, other = [
        await somebody(told, *permissions) for permissions in ((), ("diaries:read",), ())
    ]
    async with (
        told.socket(additional_headers=bearer(owner)) as owners,
        told.socket(additional_headers=bearer(reader)) as readers,
        told.socket(additional_headers=bearer(other)) as others,
        told.stream(**bearer(owner)) as events,
    ):
        await event(events)
        ids = [change(told, DIARY, user.id) for user in (owner, other, owner)]
        assert await hears(owners, ids[0], ids[2])
        assert await hears(readers, *ids)
        assert await hears(others, ids[1])
        assert ids[0] in (await event(events))["data"]
        assert ids[2] in (await event(events))["data"]


async def test_what_is_said_to_somebody_is_theirs(told: Told) -> None:
    told.hub.open("news")
    user, other = await somebody(told), await somebody(told)
    async with (
        told.socket(additional_headers=bearer(user)) as socket,
        told.socket(additional_headers=bearer(other)) as others,
    ):
        told.hub.send("news", "for you", to=user.id)
        told.hub.send("news", "for all")
        assert (await heard(socket))["data"] == "for you"
        assert (await heard(others))["data"] == "for all"


@pytest.mark.parametrize("room", [LEDGER, CLUB, "users", "roles"])
async def test_what_one_may_not_read_one_does_not_hear(told: Told, room: str) -> None:
    headers = bearer(await somebody(told))
    assert await told.asked(f"?resource={room}", headers) == (403, "forbidden")
    async with told.socket(additional_headers=headers) as socket:
        change(told, room)
        user = await told.client.get("/api/v1/users/me", headers=headers)
        made = change(told, DIARY, UUID(user.json()["id"]))
        assert await hears(socket, made)


async def test_what_one_may_read_one_hears(told: Told) -> None:
    headers = bearer(await somebody(told, "ledgers:read"))
    async with told.socket(f"?resource={LEDGER}", additional_headers=headers) as socket:
        assert await hears(socket, change(told, LEDGER))


@pytest.mark.parametrize("table", ["passwords", "refresh_tokens", "identities", "api_keys"])
async def test_nobody_hears_of_what_no_route_shows(told: Told, table: str) -> None:
    assert table.replace("_", "-") not in told.hub.channels


async def test_a_role_counts_from_the_next_heartbeat(told: Told) -> None:
    user = await somebody(told)
    async with told.socket(additional_headers=bearer(user)) as socket:
        async with told.app.state.sessions.begin() as session:
            role = await make_role(session, "ledgers:read")
            (await session.get_one(User, user.id)).role_id = role.id
        (subscriber,) = told.hub.subscribers
        await wait_until(lambda: LEDGER in subscriber.access.scopes)
        assert await hears(socket, change(told, LEDGER))


async def test_who_is_signed_out_hears_nothing_more(told: Told) -> None:
    user = await somebody(told)
    async with (
        told.socket(additional_headers=bearer(user)) as socket,
        told.stream(**bearer(user)) as events,
    ):
        await event(events)
        async with told.app.state.sessions.begin() as session:
            (await session.get_one(User, user.id)).disabled_at = user.created_at
        assert await closed(socket) == 4401
        assert "4401" in (await event(events))["data"]


async def test_a_token_that_is_void_is_so_for_those_who_listen(told: Told) -> None:
    user = await somebody(told)
    async with told.socket(additional_headers=bearer(user)) as socket:
        async with told.app.state.sessions.begin() as session:
            found = await session.get_one(User, user.id)
            found.voided_at = now() + timedelta(minutes=1)  # tokens tell whole seconds, some
        assert await closed(socket) == 4401


async def test_a_key_listens_until_it_is_revoked(told: Told) -> None:
    headers = bearer(await somebody(told))
    path = "/api/v1/users/me/api-keys"
    made = await told.client.post(path, json={"name": "robot", "scopes": []}, headers=headers)
    key = made.raise_for_status().json()
    async with told.socket(additional_headers={"X-API-Key": key["key"]}) as socket:
        await told.client.delete(f"{path}/{key['id']}", headers=headers)
        assert await closed(socket) == 4401
