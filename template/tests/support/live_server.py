"""The service behind a real socket: in this process, or in one of its own."""

import asyncio
import os
import signal
import socket
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from httpx2 import AsyncClient, TransportError
from sqlalchemy import QueuePool
from sqlalchemy.ext.asyncio import AsyncEngine

from app.server import Server, ServerSettings
from tests.support.timeouts import DEADLINE, PROCESS_DEADLINE, wait_until

NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP needs no certificates read


@dataclass(frozen=True)
class Live:
    """A service that listens, and a client that calls it."""

    app: FastAPI
    client: AsyncClient

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.client.base_url.port or 0


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[FastAPI, None]:
    """Start and stop what runs beside requests.

    It stops as in production, whose lifespan never sees an exception, even if a test fails.
    """
    context = app.router.lifespan_context(app)
    await context.__aenter__()
    try:
        yield app
        await returned(getattr(app.state, "engine", None))
    finally:
        await context.__aexit__(None, None, None)


async def returned(engine: AsyncEngine | None) -> None:
    """Wait until all connections are back in the pool, or disposing it would leave them open."""
    pool = engine.pool if engine else None
    await wait_until(lambda: not isinstance(pool, QueuePool) or not pool.checkedout())


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[int, None]:
    """Serve `app` on a free port of this process, and give the port.

    The server neither takes signals, which are meant for the tests, nor waits for its next tick to
    stop; how it stops in production is rehearsed in a process of its own. As there, requests end
    before the lifespan does.
    """
    server = Server(app, ServerSettings(port=0))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    await server.on_tick(0)  # sets the date that every answer carries
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        try:
            await wait_until(lambda: not server.server_state.tasks)
            await returned(getattr(app.state, "engine", None))
        finally:
            await server.lifespan.shutdown()


def calling(port: int) -> AsyncClient:
    """Call whatever listens on a port of this machine."""
    return AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE, verify=NO_TRUST)


@asynccontextmanager
async def spawned(
    *command: str,
    leads_group: bool = False,
    **options: Any,  # noqa: ANN401
) -> AsyncGenerator[Process, None]:
    """Run a command, and kill it if it still runs when the context ends.

    What starts processes of its own leads a group, which is killed with it.
    """
    process = await asyncio.create_subprocess_exec(
        *command, start_new_session=leads_group, **options
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            if leads_group:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        await process.communicate()


async def output(process: Process) -> tuple[bytes, bytes]:
    """Wait until a process ends, and give what it has written to stdout and stderr."""
    return await asyncio.wait_for(process.communicate(), PROCESS_DEADLINE)


@asynccontextmanager
async def running(
    module: str = "app", **environment: str
) -> AsyncGenerator[tuple[Process, AsyncClient], None]:
    """Run the service as production does, in a process of its own, until it is ready."""
    port = free_port()
    command = (sys.executable, "-m", module, "serve")
    variables = {**os.environ, "PORT": str(port), **environment}
    async with (
        spawned(*command, env=variables, stdout=PIPE, stderr=PIPE) as process,
        calling(port) as client,
    ):
        await asyncio.wait_for(ready(client, process), PROCESS_DEADLINE)
        yield process, client


async def ready(client: AsyncClient, process: Process) -> None:
    """Wait until the service says that it is ready.

    Raises:
        ChildProcessError: its process has ended.
    """
    while process.returncode is None:
        try:
            if (await client.get("/health/ready")).is_success:
                return
        except TransportError:
            pass
        await asyncio.sleep(0.05)
    raise ChildProcessError(await process.communicate())


def free_port() -> int:
    """Find a port that nobody listens to."""
    with closing(socket.socket()) as tried:
        tried.bind(("127.0.0.1", 0))
        port: int = tried.getsockname()[1]
        return port
