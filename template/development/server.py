"""Server of `app dev`, which reloads the application, and prints its address as the last line."""

import logging
import os

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import main, settings
from app.logging import has_colors
from development.pending_migrations import PendingMigrations

HOST = "127.0.0.1"
URL = "DEVELOPMENT_URL"  # variable of the processes of the server
HIGHLIGHT = "\033[1;32m{}\033[0m"  # bold and green (ECMA-48, SGR)


def run(port: int) -> None:
    """Serve the application on a port, and reload it when its code or a migration changes."""
    os.environ[URL] = f"http://{HOST}:{port}/docs"
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    uvicorn.run(
        "development.server:create_app",
        factory=True,
        host=HOST,
        port=port,
        reload=True,
        reload_dirs=[str(settings.ROOT / name) for name in ("app", "migrations")],
        log_config=None,
        log_level="warning",
        access_log=False,
    )


def create_app() -> FastAPI:
    """Create the application, which reports pending migrations and its address at its start."""
    app = main.create_app()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app.add_middleware(PendingMigrations, service=app)
    app.add_middleware(Announcement)
    return app


class Announcement:
    """ASGI middleware that prints the address when the application has started."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Print the address as the last line of the startup."""

        async def send_and_print(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                url = os.environ[URL]
                address = HIGHLIGHT.format(url) if has_colors() else url
                print(f"API        {address}", flush=True)

        await self.app(scope, receive, send_and_print if scope["type"] == "lifespan" else send)
