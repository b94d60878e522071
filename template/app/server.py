"""HTTP server: one uvicorn process, which shuts down gracefully without losing requests.

On SIGTERM, the server drains: readiness fails while requests are still served, so load balancers
stop sending requests. Then the server accepts no more connections, finishes open requests, and
shuts the application down.
"""

import asyncio
import gc
import socket
from ipaddress import ip_network
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from app import health, settings
from app.limits.connections import ConnectionSettings
from app.limits.http_protocol import protocol_class
from app.main import create_app
from app.settings import Environment
from app.state import SERVER_OPTIONS

POLL_INTERVAL = 0.1  # seconds


def check_proxy(value: str) -> str:
    """Validate a trusted proxy's address or network, as uvicorn silently ignores invalid ones."""
    try:
        ip_network("0.0.0.0/0" if value == "*" else value)
    except ValueError:
        message = "It is neither an IP address nor a network"
        raise ValueError(message) from None
    return value


Proxies = Annotated[
    tuple[Annotated[str, AfterValidator(check_proxy)], ...],
    NoDecode,
    BeforeValidator(settings.split),
]


class ServerSettings(settings.EnvironmentSettings):
    """Settings of the server: address, graceful shutdown, trusted proxies (`X-Forwarded-For`)."""

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    host: str = Field(
        "127.0.0.1", description="Set it to an address; 0.0.0.0 for all of IPv4, :: for all."
    )
    port: NonNegativeInt = Field(8000, le=65535, description="Set it to a port; 0 for any.")
    drain_seconds: NonNegativeFloat = Field(
        5, description="Set it to the seconds until load balancers stop sending requests."
    )
    grace_seconds: NonNegativeInt = Field(
        20, description="Set it to the seconds that open requests have after draining."
    )
    forwarded_allow_ips: Proxies = Field(
        ("127.0.0.1",), description="Set it to IP addresses or networks of trusted proxies."
    )

    @field_validator("forwarded_allow_ips")
    @classmethod
    def reject_all_proxies(cls, values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Reject `*` in production: each client could choose its address in `X-Forwarded-For`."""
        is_production = info.data.get("environment") is Environment.PRODUCTION
        if is_production and any(value == "*" or value.endswith("/0") for value in values):
            message = "It trusts every client, which could then evade rate limits"
            raise ValueError(message)
        return values


class Server(uvicorn.Server):
    """Uvicorn server that drains before it stops, while its readiness probe fails."""

    def __init__(self, app: FastAPI, config: ServerSettings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_class(settings.read(ConnectionSettings)),
                host="" if config.host == "::" else config.host,  # asyncio: IPv4 and IPv6
                port=config.port,
                log_config=None,  # structured logging is configured by `app.logging`
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
        """Start the server; exclude all existing objects from garbage collection (`gc.freeze`)."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain for `DRAIN_SECONDS`, then stop.

        A second Ctrl-C skips the draining.
        """
        readiness = health.readiness(self.app)
        readiness.draining = True
        for _ in range(round(self.drain_seconds / POLL_INTERVAL)):
            if self.force_exit:
                break
            await asyncio.sleep(POLL_INTERVAL)
        readiness.drained.set()  # ends long-lived connections, such as WebSockets
        await super().shutdown(sockets)


def serve() -> None:
    """Run the HTTP server until SIGTERM or SIGINT."""
    Server(create_app(), settings.read(ServerSettings)).run()
