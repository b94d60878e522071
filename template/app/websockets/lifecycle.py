"""Installation of the hub, and disconnection of its subscribers at shutdown."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import APIRouter, FastAPI

from app import changes, health, settings
from app.middleware import MiddlewareSettings
from app.state import SERVER_OPTIONS
from app.websockets.channels import resource_channels
from app.websockets.hub import HUB, Hub
from app.websockets.pubsub import relay_messages
from app.websockets.settings import WebSocketSettings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Publish changes while the service runs; disconnect subscribers once it drains."""
    hub = HUB.get(app)
    hub.channels |= resource_channels()
    draining = asyncio.create_task(_close_on_drain(app))
    async with AsyncExitStack() as stack:
        if hub.config.url:
            await stack.enter_async_context(relay_messages(hub, hub.config.url, app.title))
        yield
        hub.close()
        draining.cancel()


async def _close_on_drain(app: FastAPI) -> None:
    await health.readiness(app).drained.wait()
    HUB.get(app).close()


def install(app: FastAPI) -> None:
    """Install the hub, and the server's options for WebSockets.

    `anonymous.install` or `token_auth.install` determines who may subscribe.
    """
    config = settings.read(WebSocketSettings)
    hub = Hub(config, settings.read(MiddlewareSettings).cors_origins)
    HUB.set(app, hub)
    options = {
        "ws": "app.websockets.uvicorn_protocol:Protocol",
        "ws_max_size": config.message_limit,
        "ws_ping_interval": config.heartbeat,
        "ws_ping_timeout": config.heartbeat,
        "ws_per_message_deflate": False,  # messages are short; a compressor takes 300 KiB each
    }
    SERVER_OPTIONS.set(app, options)
    changes.subscribe(app, hub.publish_changes)
    app.include_router(APIRouter(lifespan=lifespan))
