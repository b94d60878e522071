"""Tests of WebSocket subscriptions in a service without accounts."""

import pytest

from app.websockets.channels import Channel
from tests.support.live_server import Live
from tests.support.websocket_service import WebSocketService, next_event, receive


@pytest.fixture
def service(live: Live, monkeypatch: pytest.MonkeyPatch) -> WebSocketService:
    """Add a channel for `jots`, which have no router in `app.routers`; return the service."""
    service = WebSocketService(live.app, live.client)
    monkeypatch.setitem(service.hub.channels, "jots", Channel())
    return service


async def test_anonymous_subscriber_receives_changes(service: WebSocketService) -> None:
    async with service.socket() as socket, service.stream() as events:
        await next_event(events)
        row_id = await service.create_jot()
        assert await receive(socket) == {"type": "created", "resource": "jots", "id": row_id}
        assert row_id in (await next_event(events))["data"]


async def test_anonymous_connections_are_limited_per_ip_address(service: WebSocketService) -> None:
    async with service.socket():
        assert dict(service.hub.callers) == {"127.0.0.1": 1}
