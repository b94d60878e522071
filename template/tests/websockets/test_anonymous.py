"""Where nobody signs in, everybody hears what changes."""

from tests.support.live_server import Live
from tests.support.websocket_service import Told, event, heard


async def test_everybody_hears_what_changes(live: Live) -> None:
    told = Told(live.app, live.client)
    async with told.socket() as socket, told.stream() as events:
        await event(events)
        made = await told.make()
        said = {"type": "created", "resource": "jots", "id": made}
        assert await heard(socket) == said
        assert made in (await event(events))["data"]


async def test_one_address_has_only_so_many_sockets(live: Live) -> None:
    told = Told(live.app, live.client)
    async with told.socket():
        assert dict(told.hub.callers) == {"127.0.0.1": 1}
