"""Tests of WebSocket authentication, and of subscriptions restricted to readable rows."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from fastapi import Depends
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from app.auth import PUBLIC, SIGNED_IN, Caller, require_permission
from app.changes import Change, Kind
from app.main import create_app
from app.models.base import now
from app.models.user import User, UserRole
from app.scope import ALL, Scope
from app.websockets.channels import Channel
from app.websockets.hub import HUB
from tests.support.auth import bearer, make_role, make_user
from tests.support.timeouts import DEADLINE, wait_until
from tests.support.websocket_service import (
    WebSocketService,
    close_code,
    next_event,
    receive,
    serving_websockets,
)

DIARIES, LEDGERS, CLUBS, NOTICES = "test-diaries", "test-ledgers", "test-clubs", "test-notices"
GOODS = "test-goods"


class DiaryPolicy:
    """Access policy of a sample resource whose rows have an owner."""

    def __call__(self) -> None:
        """Do nothing, since the tests use only `scope`."""

    def scope(self, caller: Caller) -> Scope:
        """Grant access to the caller's own rows, or to all rows with a permission."""
        return ALL if caller.may("diaries:read") else Scope(caller.user.id)


CHANNELS = {
    DIARIES: Channel(Depends(DiaryPolicy())),
    LEDGERS: Channel(require_permission("ledgers:read")),
    CLUBS: Channel(),  # its router exports no `READ`
    NOTICES: Channel(SIGNED_IN),
}


@pytest.fixture
async def service(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[WebSocketService, None]:
    """Serve with frequent re-authorization of subscribers, and with rare WebSocket pings."""
    _ = database_url
    monkeypatch.setenv("WEBSOCKETS_HEARTBEAT", str(DEADLINE))
    app = create_app()
    hub = HUB.get(app)
    hub.config = hub.config.model_copy(update={"heartbeat": 0.1})
    async with serving_websockets(app) as service:
        hub.channels = {
            name: channel for name, channel in hub.channels.items() if channel.policy is not PUBLIC
        }
        hub.channels |= CHANNELS
        yield service


async def create_user(service: WebSocketService, *permissions: str) -> User:
    """Create a user with permissions."""
    async with service.app.state.sessions() as session:
        return await make_user(session, *permissions)


def publish(service: WebSocketService, channel: str, owner: UUID | None = None) -> str:
    """Publish the creation of a row; return the row's ID."""
    row_id = uuid4()
    change = Change(channel.replace("-", "_"), Kind.CREATED, row_id, owner)
    service.hub.publish_changes([change])
    return str(row_id)


async def receives(socket: ClientConnection, *ids: str) -> bool:
    """Return whether the next messages have these row ids, in this order."""
    return [(await receive(socket))["id"] for _ in ids] == list(ids)


@pytest.mark.parametrize("query", ["", "?token={token}", "?access_token={token}"])
async def test_websocket_without_authentication_returns_401(
    service: WebSocketService, query: str
) -> None:
    token = bearer(await create_user(service))["Authorization"].removeprefix("Bearer ")
    with pytest.raises(InvalidStatus) as caught:
        async with service.socket(query.format(token=token)):
            pass
    assert caught.value.response.status_code == 401
    assert await service.stream_error(query.format(token=token)) == (401, "unauthenticated")


async def test_websocket_accepts_token_in_header_or_subprotocol(service: WebSocketService) -> None:
    headers = bearer(await create_user(service))
    async with service.socket(additional_headers=headers) as socket:
        assert socket.subprotocol is None
    token = headers["Authorization"].replace("Bearer ", "bearer.")
    async with service.socket(subprotocols=["changes", token]) as socket:
        assert socket.subprotocol == "changes"
    with pytest.raises(InvalidStatus):
        async with service.socket(subprotocols=["changes", "bearer.nonsense"]):
            pass


async def test_row_changes_reach_only_owner_and_permitted_users(
    service: WebSocketService,
) -> None:
    owner, reader, other = [
        await create_user(service, *permissions) for permissions in ((), ("diaries:read",), ())
    ]
    async with (
        service.socket(additional_headers=bearer(owner)) as owners,
        service.socket(additional_headers=bearer(reader)) as readers,
        service.socket(additional_headers=bearer(other)) as others,
        service.stream(**bearer(owner)) as events,
    ):
        await next_event(events)
        ids = [publish(service, DIARIES, user.id) for user in (owner, other, owner)]
        assert await receives(owners, ids[0], ids[2])
        assert await receives(readers, *ids)
        assert await receives(others, ids[1])
        assert ids[0] in (await next_event(events))["data"]
        assert ids[2] in (await next_event(events))["data"]


async def test_message_to_one_user_reaches_only_that_user(service: WebSocketService) -> None:
    service.hub.open("news")
    user, other = await create_user(service), await create_user(service)
    async with (
        service.socket(additional_headers=bearer(user)) as socket,
        service.socket(additional_headers=bearer(other)) as others,
    ):
        service.hub.send("news", "for you", to=user.id)
        service.hub.send("news", "for all")
        assert (await receive(socket))["data"] == "for you"
        assert (await receive(others))["data"] == "for all"


async def test_anonymous_subscriber_receives_only_changes_of_public_resources(
    service: WebSocketService,
) -> None:
    service.hub.channels[GOODS] = Channel(PUBLIC)
    service.hub.open("news")
    async with service.socket() as socket, service.stream(f"?resource={GOODS}") as events:
        await next_event(events)
        for channel in (DIARIES, LEDGERS, CLUBS, NOTICES):
            publish(service, channel, uuid4())
        service.hub.send("news", "for accounts")
        row_id = publish(service, GOODS)
        assert await receives(socket, row_id)
        assert row_id in (await next_event(events))["data"]
        assert dict(service.hub.callers) == {"127.0.0.1": 2}
    for channel in (DIARIES, LEDGERS, CLUBS, NOTICES, "news", "users"):
        assert await service.stream_error(f"?resource={channel}") == (401, "unauthenticated")


@pytest.mark.parametrize("channel", [LEDGERS, CLUBS, "users", "roles"])
async def test_subscription_to_channel_without_permission_returns_403(
    service: WebSocketService, channel: str
) -> None:
    headers = bearer(await create_user(service))
    assert await service.stream_error(f"?resource={channel}", headers) == (403, "forbidden")
    async with service.socket(additional_headers=headers) as socket:
        publish(service, channel)
        user = await service.client.get("/api/v1/users/me", headers=headers)
        row_id = publish(service, DIARIES, UUID(user.json()["id"]))
        assert await receives(socket, row_id)


async def test_permission_allows_subscription_to_channel(service: WebSocketService) -> None:
    headers = bearer(await create_user(service, "ledgers:read"))
    async with service.socket(f"?resource={LEDGERS}", additional_headers=headers) as socket:
        assert await receives(socket, publish(service, LEDGERS))


@pytest.mark.parametrize("table", ["passwords", "refresh_tokens", "identities", "api_keys"])
async def test_credentials_table_has_no_websocket_channel(
    service: WebSocketService, table: str
) -> None:
    assert table.replace("_", "-") not in service.hub.channels


async def test_new_subscriber_role_applies_at_next_heartbeat(service: WebSocketService) -> None:
    user = await create_user(service)
    async with service.socket(additional_headers=bearer(user)) as socket:
        async with service.app.state.sessions.begin() as session:
            role = await make_role(session, "ledgers:read")
            session.add(UserRole(user_id=user.id, role_id=role.id))
        (subscriber,) = service.hub.subscribers
        await wait_until(lambda: LEDGERS in subscriber.access.scopes)
        assert await receives(socket, publish(service, LEDGERS))


async def test_subscriber_is_disconnected_when_user_is_disabled(service: WebSocketService) -> None:
    user = await create_user(service)
    async with (
        service.socket(additional_headers=bearer(user)) as socket,
        service.stream(**bearer(user)) as events,
    ):
        await next_event(events)
        async with service.app.state.sessions.begin() as session:
            (await session.get_one(User, user.id)).disabled_at = user.created_at
        assert await close_code(socket) == 4401
        assert "4401" in (await next_event(events))["data"]


async def test_subscriber_is_disconnected_when_tokens_are_revoked(
    service: WebSocketService,
) -> None:
    user = await create_user(service)
    async with service.socket(additional_headers=bearer(user)) as socket:
        async with service.app.state.sessions.begin() as session:
            row = await session.get_one(User, user.id)
            row.voided_at = now() + timedelta(minutes=1)  # `iat` of tokens has whole seconds
        assert await close_code(socket) == 4401


async def test_subscriber_is_disconnected_when_api_key_is_revoked(
    service: WebSocketService,
) -> None:
    headers = bearer(await create_user(service))
    path = "/api/v1/users/me/api-keys"
    created = await service.client.post(path, json={"name": "robot", "scopes": []}, headers=headers)
    key = created.raise_for_status().json()
    async with service.socket(additional_headers={"X-API-Key": key["key"]}) as socket:
        await service.client.delete(f"{path}/{key['id']}", headers=headers)
        assert await close_code(socket) == 4401
