"""A service that tells of jots to everybody, and clients that listen to it.

`python -m tests.support.websocket_service` takes the commands of the service, and serves this one.
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
from app.routers import PREFIX
from app.scope import ALL, NONE
from app.websockets.channels import Channel, Channels
from app.websockets.endpoints import router
from app.websockets.hub import HUB, Hub
from app.websockets.subscriber import ReadAccess
from tests.support import sample_resource
from tests.support.live_server import calling, serving
from tests.support.timeouts import DEADLINE

PATH = f"{PREFIX}/changes"

Said = dict[str, Any]


async def authorize(connection: HTTPConnection, channels: Channels) -> ReadAccess:
    """Grant access to every channel; the header `X-Caller` names the caller."""
    caller = connection.headers.get("X-Caller", "somebody")
    scopes = {name: ALL if each.is_resource else NONE for name, each in channels.items()}
    return ReadAccess(caller, scopes)


def create_app(title: str = "sockets") -> FastAPI:
    """Build the service; those of one title hear of each other."""
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
class Told:
    """The service behind a real socket, and what is needed to see what it tells."""

    app: FastAPI
    client: AsyncClient

    @property
    def hub(self) -> Hub:
        """The hub of the service."""
        return HUB.get(self.app)

    @property
    def url(self) -> str:
        """Where it tells."""
        return f"ws://127.0.0.1:{self.client.base_url.port}{PATH}"

    def socket(self, query: str = "", **options: Any) -> connect:  # noqa: ANN401
        """Open a WebSocket."""
        return connect(f"{self.url}{query}", proxy=None, compression=None, **options)

    async def make(self, **changes: object) -> str:
        """Make a jot, as a client does, and give its id."""
        answer = await self.client.post(
            sample_resource.URL, json=sample_resource.payload(**changes)
        )
        return str(answer.raise_for_status().json()["id"])

    async def asked(self, query: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask for a stream that is refused, and give the status and the code."""
        async with asyncio.timeout(DEADLINE):
            answer = await self.client.get(f"{PATH}/events{query}", headers=headers)
        return answer.status_code, answer.json()["code"]

    @asynccontextmanager
    async def stream(
        self, query: str = "", **headers: str
    ) -> AsyncGenerator["asyncio.Queue[Said]", None]:
        """Open a stream of events, and give what it tells."""
        events: asyncio.Queue[Said] = asyncio.Queue()
        reading = asyncio.create_task(self._read(events, query, headers))
        try:
            yield events
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(
        self, events: "asyncio.Queue[Said]", query: str, headers: dict[str, str]
    ) -> None:
        url = f"{PATH}/events{query}"
        async with self.client.stream("GET", url, headers=headers) as answer:
            answer.raise_for_status()
            event: Said = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                event[name] = value
                if not line:
                    events.put_nowait(event)
                    event = {}
        events.put_nowait({"ended": True})


@asynccontextmanager
async def telling(app: FastAPI) -> AsyncGenerator[Told, None]:
    """Serve, and call."""
    async with serving(app) as port, calling(port) as client:
        yield Told(app, client)


async def heard(socket: ClientConnection) -> Said:
    """Wait for what is told next."""
    said: Said = json.loads(await asyncio.wait_for(socket.recv(), DEADLINE))
    return said


async def event(events: "asyncio.Queue[Said]") -> Said:
    """Wait for the next event of a stream."""
    return await asyncio.wait_for(events.get(), DEADLINE)


async def closed(socket: ClientConnection) -> int | None:
    """Wait until a socket is closed, and give the code."""
    try:
        async with asyncio.timeout(DEADLINE):
            while True:
                await socket.recv()
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else None


if __name__ == "__main__":
    with patch("app.server.create_app", create_app):
        sys.exit(run())
