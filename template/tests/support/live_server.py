"""Servers for tests: the service on a real socket, in this process or as a subprocess."""

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

from app import settings
from app.server import Server, ServerSettings
from tests.support.timeouts import DEADLINE, PROCESS_DEADLINE, wait_until

NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain HTTP: skip loading CA certificates


@dataclass(frozen=True)
class Live:
    """Service on a real socket, with an HTTP client."""

    app: FastAPI
    client: AsyncClient

    @property
    def port(self) -> int:
        """Port on which the server listens."""
        return self.client.base_url.port or 0


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[FastAPI, None]:
    """Start the application, and shut it down at the end of the context.

    A failing test raises no exception in the lifespan, since a lifespan receives none in
    production.
    """
    context = app.router.lifespan_context(app)
    await context.__aenter__()
    try:
        yield app
        await wait_for_pool(getattr(app.state, "engine", None))
    finally:
        await context.__aexit__(None, None, None)


async def wait_for_pool(engine: AsyncEngine | None) -> None:
    """Wait until all connections are returned to the engine's pool.

    Disposing the pool then leaks no connection.
    """
    pool = engine.pool if engine else None
    await wait_until(lambda: not isinstance(pool, QueuePool) or not pool.checkedout())


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncGenerator[int, None]:
    """Serve `app` on a free port in this process; yield the port."""
    async with started(app) as server:
        yield server.servers[0].sockets[0].getsockname()[1]


@asynccontextmanager
async def started(
    app: FastAPI, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[Server, None]:
    """Start a server of `app` in this process, by default on a free port.

    The server installs no signal handlers, and stops without waiting for its next tick. Tests of
    the graceful shutdown use `running`. As in production, requests end before the lifespan.
    """
    config = settings.read(ServerSettings).model_copy(update={"host": host, "port": port})
    server = Server(app, config)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup()
    await server.on_tick(0)  # sets the `Date` header of responses
    try:
        yield server
    finally:
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        try:
            await wait_until(lambda: not server.server_state.tasks)
            await wait_for_pool(getattr(app.state, "engine", None))
        finally:
            await server.lifespan.shutdown()


def calling(port: int, host: str = "127.0.0.1") -> AsyncClient:
    """Return an HTTP client of the server on a local port."""
    return AsyncClient(base_url=f"http://{host}:{port}", timeout=DEADLINE, verify=NO_TRUST)


def has_ipv6() -> bool:
    """Return whether this machine has the IPv6 loopback address."""
    try:
        with closing(socket.socket(socket.AF_INET6)) as listener:
            listener.bind(("::1", 0))
    except OSError:
        return False
    return True


@asynccontextmanager
async def spawned(
    *command: str,
    leads_group: bool = False,
    **options: Any,  # noqa: ANN401
) -> AsyncGenerator[Process, None]:
    """Run a command; kill it at the end of the context.

    Args:
        *command: the program and its arguments
        leads_group: run the command in a new process group, and kill its subprocesses too
        **options: options of `asyncio.create_subprocess_exec`
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
    """Wait until a process exits; return its stdout and stderr."""
    return await asyncio.wait_for(process.communicate(), PROCESS_DEADLINE)


@asynccontextmanager
async def running(
    module: str = "app", **environment: str
) -> AsyncGenerator[tuple[Process, AsyncClient], None]:
    """Run the service as a subprocess, as in production; yield once it is ready."""
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
    """Wait until the readiness probe succeeds.

    Raises:
        ChildProcessError: the process has exited.
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
    """Return a free TCP port of this machine."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
