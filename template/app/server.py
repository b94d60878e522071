"""The server: one process, which leaves without losing a request.

On SIGTERM it first answers "not ready" and goes on serving, so that whoever balances the load looks
elsewhere; then it takes no more connections, finishes what it has, and closes what it holds.
"""

import asyncio
import gc
import socket
from ipaddress import ip_network
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeFloat, NonNegativeInt
from pydantic_settings import NoDecode

from app import health, settings
from app.main import create_app
from app.state import SERVER_OPTIONS

TICK = 0.1  # seconds


def proxy(value: str) -> str:
    """Refuse what is neither an address nor a network: uvicorn would take it, and trust nobody."""
    try:
        ip_network("0.0.0.0/0" if value == "*" else value)
    except ValueError:
        message = "neither an address nor a network"
        raise ValueError(message) from None
    return value


Proxies = Annotated[
    tuple[Annotated[str, AfterValidator(proxy)], ...], NoDecode, BeforeValidator(settings.split)
]


class ServerSettings(settings.EnvironmentSettings):
    """Where the server listens, and how it leaves."""

    host: str = Field("127.0.0.1", description="Set it to an address; 0.0.0.0 for all.")
    port: NonNegativeInt = Field(8000, le=65535, description="Set it to a port; 0 for any.")
    drain_seconds: NonNegativeFloat = Field(
        5, description="Set it to the seconds that a load balancer takes to look elsewhere."
    )
    grace_seconds: NonNegativeInt = Field(
        20, description="Set it to the seconds that requests may take after that."
    )
    forwarded_allow_ips: Proxies = Field(
        ("127.0.0.1",), description="Set it to the addresses of proxies, whose word is believed."
    )


class Server(uvicorn.Server):
    """Uvicorn, with a while of saying "not ready" before it stops."""

    def __init__(self, app: FastAPI, config: ServerSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=config.host,
                port=config.port,
                log_config=None,  # its lines are the service's lines
                access_log=False,
                server_header=False,
                forwarded_allow_ips=list(config.forwarded_allow_ips),
                timeout_graceful_shutdown=config.grace_seconds,
                **(SERVER_OPTIONS.find(app) or {}),
            )
        )
        self.app = app
        self.drain_seconds = config.drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start; what is there now stays, so the garbage collector need not look at it again."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Say "not ready" for a while, then stop; a second Ctrl-C stops at once."""
        readiness = health.readiness(self.app)
        readiness.draining = True
        for _ in range(round(self.drain_seconds / TICK)):
            if self.force_exit:
                break
            await asyncio.sleep(TICK)
        readiness.leaving.set()  # whoever holds a connection for long lets go
        await super().shutdown(sockets)


def serve() -> None:
    """Serve until a signal ends it."""
    Server(create_app(), settings.read(ServerSettings)).run()
