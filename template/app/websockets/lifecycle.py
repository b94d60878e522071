"""What the parts make together: a hub that hears of changes, and leaves with the process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI

from app import changes, health, settings
from app.middleware import MiddlewareSettings
from app.websockets.broadcasting import Hub
from app.websockets.chosen import WebSocketSettings
from app.websockets.discovery import rooms
from app.websockets.relaying import relaying


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Tell what happens while the service runs; let everybody go once it takes no more requests."""
    hub: Hub = app.state.hub
    hub.rooms |= rooms(app)
    leaving = asyncio.create_task(_leave(app))
    async with AsyncExitStack() as stack:
        if hub.chosen.url:
            await stack.enter_async_context(relaying(hub, hub.chosen.url, app.title))
        yield
        hub.close()
        leaving.cancel()


async def _leave(app: FastAPI) -> None:
    await health.readiness(app).leaving.wait()
    app.state.hub.close()


def install(app: FastAPI) -> None:
    """Have changes told; who may hear them is another part's to say."""
    chosen = settings.read(WebSocketSettings)
    app.state.hub = Hub(chosen, settings.read(MiddlewareSettings).cors_origins)
    app.state.server_options = {
        "ws": "app.websockets.uvicorn_protocol:Protocol",
        "ws_max_size": chosen.message_limit,
        "ws_ping_interval": chosen.heartbeat,
        "ws_ping_timeout": chosen.heartbeat,
        "ws_per_message_deflate": False,  # messages are short, and a compressor is not
    }
    changes.subscribe(app, app.state.hub.changed)
    app.include_router(APIRouter(lifespan=lifespan))
