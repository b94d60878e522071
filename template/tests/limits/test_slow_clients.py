"""Tests of slow clients over sockets: they hold no database connection while they send or read."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import QueuePool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app import middleware
from app.server import Server
from tests.support import sample_resource
from tests.support.live_server import calling, started
from tests.support.sample_resource import URL, create_app, make
from tests.support.timeouts import DEADLINE, wait_until

ROW = "x" * 200_000  # bytes of a row
ROWS = 40  # longer together than the buffers of a socket


@pytest.fixture
async def server(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Server, None]:
    """Serve with few database connections, for which a request waits only five seconds."""
    _ = database_url
    monkeypatch.setenv("DATABASE_POOL_SIZE", "2")
    monkeypatch.setenv("DATABASE_POOL_TIMEOUT", "5")
    monkeypatch.setattr(sample_resource, "BATCH", 2)
    async with started(create_app()) as server:
        yield server


async def connect(stack: AsyncExitStack, server: Server, request: bytes) -> None:
    """Send bytes on more connections than the pool has, and read nothing."""
    host, port = server.servers[0].sockets[0].getsockname()
    pool = server.app.state.engine.pool
    assert isinstance(pool, QueuePool)
    loop = asyncio.get_running_loop()
    for _ in range(pool.size() + 10):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)  # noqa: FBT003 - positional-only
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(client, (host, port))
        await loop.sock_sendall(client, request)


async def check_other_requests(server: Server) -> None:
    """Check that the service still answers requests that need the database."""
    port = server.servers[0].sockets[0].getsockname()[1]
    async with calling(port) as client:
        assert (await client.get(URL, params={"size": 1})).status_code == 200
        assert (await client.post(URL, json={"title": "new"})).status_code == 201
        assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.drill
async def test_slow_exports_hold_no_database_connection(server: Server) -> None:
    async with server.app.state.sessions() as session:
        for _ in range(ROWS):
            await make(session, text=ROW)
    pool = server.app.state.engine.pool
    async with AsyncExitStack() as stack:
        await connect(stack, server, f"GET {URL}/export HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await wait_until(lambda: len(server.server_state.tasks) == pool.size() + 10)
        await asyncio.sleep(1)  # until the buffers of the sockets are full
        await check_other_requests(server)
        assert len(server.server_state.tasks) == pool.size() + 10  # the exports are unfinished


async def test_slow_bodies_hold_no_database_connection(server: Server) -> None:
    head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    request = f'{head}Content-Length: 999\r\n\r\n{{"title": '.encode()
    pool = server.app.state.engine.pool
    async with AsyncExitStack() as stack:
        await connect(stack, server, request)
        await wait_until(lambda: len(server.server_state.tasks) == pool.size() + 10)
        await check_other_requests(server)


async def status_line(stack: AsyncExitStack, server: Server, request: bytes) -> bytes:
    """Send a part of a request; return the first line of the response."""
    host, port = server.servers[0].sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    stack.callback(writer.close)
    writer.write(request)
    return await reader.readline()


async def test_unfinished_bodies_use_limited_memory(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MAX_BODIES", 1)
    head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: 700000\r\n\r\n".encode() + b"a" * 600_000
    async with AsyncExitStack() as stack:
        requests = [asyncio.create_task(status_line(stack, server, request)) for _ in range(2)]
        done, (waiting,) = await asyncio.wait(
            requests, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED
        )
        assert [task.result() for task in done] == [b"HTTP/1.1 503 Service Unavailable\r\n"]
        await check_other_requests(server)  # the rejected body is freed
        waiting.cancel()


def streamed_paths(app: FastAPI) -> Iterator[str]:
    """Yield the paths without parameters whose response is streamed, such as exports."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        is_streamed = isinstance(route, APIRoute) and route.response_class is StreamingResponse
        path = context.path or ""
        if is_streamed and "{" not in path:
            yield path


async def test_streamed_response_holds_no_database_connection(
    server: Server, admin_headers: dict[str, str]
) -> None:
    held: list[int] = []

    async def observe(scope: Scope, receive: Receive, send: Send) -> None:
        async def observed_send(message: Message) -> None:
            held.append(server.app.state.engine.pool.checkedout())
            await send(message)

        await server.app(scope, receive, observed_send)

    transport = ASGITransport(observe)
    paths = list(streamed_paths(server.app))
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        for path in paths:
            response = await client.get(path, headers=admin_headers)
            assert response.status_code == 200
            assert not any(held), f"{path}: read each batch in `async with session`."
    assert f"{URL}/export" in paths
