"""Service that publishes changes of `jots` without authentication, and clients for it.

`python -m tests.support.websocket_service` is the command line of this service.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from fastapi import FastAPI
from httpx2 import AsyncClient
from starlette.requests import HTTPConnection
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app import changes, database, errors, health, logging, websockets
from app.__main__ import main as run
from app.scope import ALL, NONE
from app.settings import PREFIX
from app.websockets.channels import Channel, Channels
from app.websockets.endpoints import router
from app.websockets.hub import HUB, Hub
from app.websockets.subscriber import ReadAccess
from tests.support import sample_resource
from tests.support.live_server import calling, serving
from tests.support.timeouts import DEADLINE

PATH = f"{PREFIX}/changes"

Content = dict[str, Any]  # of a message or an event


async def authorize(connection: HTTPConnection, channels: Channels) -> ReadAccess:
    """Grant access to every channel; take the caller from the header `X-Caller`."""
    caller = connection.headers.get("X-Caller", "somebody")
    scopes = {name: ALL if each.is_resource else NONE for name, each in channels.items()}
    return ReadAccess(caller, scopes)


def create_app(title: str = "sockets") -> FastAPI:
    """Create a service with WebSockets and the sample resource `jots`.

    Services with the same title relay messages through Valkey.
    """
    app = FastAPI(title=title)
    for part in (logging, errors, health, database, changes, websockets):
        part.install(app)
    hub = HUB.get(app)
    hub.authorize = authorize
    hub.channels["jots"] = Channel()
    app.include_router(router, prefix=PREFIX)
    app.include_router(sample_resource.router)
    return app


@dataclass
class WebSocketService:
    """Service on a real socket, with clients of its WebSockets and server-sent events."""

    app: FastAPI
    client: AsyncClient

    @property
    def hub(self) -> Hub:
        """Hub that sends messages to the subscribers of the service."""
        return HUB.get(self.app)

    @property
    def url(self) -> str:
        """URL of the WebSocket route."""
        return f"ws://127.0.0.1:{self.client.base_url.port}{PATH}"

    def socket(self, query: str = "", **options: Any) -> connect:  # noqa: ANN401
        """Return a context manager that opens a WebSocket."""
        return connect(f"{self.url}{query}", proxy=None, compression=None, **options)

    async def create_jot(self, **changes: object) -> str:
        """Create a jot by HTTP; return its id."""
        response = await self.client.post(
            sample_resource.URL, json=sample_resource.payload(**changes)
        )
        return str(response.raise_for_status().json()["id"])

    async def stream_error(
        self, query: str, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Request an event stream that is rejected; return the status and the error code."""
        async with asyncio.timeout(DEADLINE):
            response = await self.client.get(f"{PATH}/events{query}", headers=headers)
        return response.status_code, response.json()["code"]

    @asynccontextmanager
    async def stream(
        self, query: str = "", **headers: str
    ) -> AsyncGenerator["asyncio.Queue[Content]", None]:
        """Open a stream of server-sent events; yield a queue of its events."""
        events: asyncio.Queue[Content] = asyncio.Queue()
        reading = asyncio.create_task(self._read(events, query, headers))
        try:
            yield events
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(
        self, events: "asyncio.Queue[Content]", query: str, headers: dict[str, str]
    ) -> None:
        url = f"{PATH}/events{query}"
        async with self.client.stream("GET", url, headers=headers) as response:
            response.raise_for_status()
            event: Content = {}
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                event[name] = value
                if not line:
                    events.put_nowait(event)
                    event = {}
        events.put_nowait({"ended": True})


@asynccontextmanager
async def serving_websockets(app: FastAPI) -> AsyncGenerator[WebSocketService, None]:
    """Serve `app` on a real socket; yield it with its clients."""
    async with serving(app) as port, calling(port) as client:
        yield WebSocketService(app, client)


async def receive(socket: ClientConnection) -> Content:
    """Wait for the next message of a WebSocket."""
    content: Content = json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))
    return content


async def next_event(events: "asyncio.Queue[Content]") -> Content:
    """Wait for the next server-sent event."""
    return await asyncio.wait_for(events.get(), DEADLINE)


async def close_code(socket: ClientConnection) -> int | None:
    """Wait until the server closes a WebSocket; return the close code."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                await socket.recv()
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else None


if __name__ == "__main__":
    with patch("app.server.create_app", create_app):
        sys.exit(run())
