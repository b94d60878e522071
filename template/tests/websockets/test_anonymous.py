"""Tests of subscriptions in a service without accounts."""

from tests.support.live_server import Live
from tests.support.websocket_service import WebSocketService, next_event, receive


async def test_anonymous_subscriber_receives_changes(live: Live) -> None:
    service = WebSocketService(live.app, live.client)
    async with service.socket() as socket, service.stream() as events:
        await next_event(events)
        row_id = await service.create_jot()
        assert await receive(socket) == {"type": "created", "resource": "jots", "id": row_id}
        assert row_id in (await next_event(events))["data"]


async def test_connections_are_counted_by_address(live: Live) -> None:
    service = WebSocketService(live.app, live.client)
    async with service.socket():
        assert dict(service.hub.callers) == {"127.0.0.1": 1}
