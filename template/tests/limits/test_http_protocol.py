"""Tests of the HTTP protocol over sockets: headers, timeouts, and number of connections."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from importlib.metadata import version

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse

from app import errors, health
from app.limits import connections, http_protocol
from app.limits.connections import limit_by_descriptors
from app.server import Server
from tests.support.live_server import started
from tests.support.timeouts import DEADLINE, wait_until

UVICORN = "0.54"  # minor version whose private module `HttpProtocol` extends
LOCALHOST = "127.0.0.1"
GET = b"GET /health/live HTTP/1.1\r\nHost: test\r\n"
UPLOAD = b"POST /size HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n"
UPGRADE = (
    b"GET /size HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
SHORT = "0.1"  # seconds
CHUNK = b"x" * 65_536
CHUNKS = 1000

Serve = Callable[..., AbstractAsyncContextManager["Client"]]


class Client:
    """Client that sends bytes over sockets to the service on a local port."""

    def __init__(self, server: Server) -> None:
        self.port = server.servers[0].sockets[0].getsockname()[1]
        self.connections = server.server_state.connections
        self.tasks = server.server_state.tasks
        self.writers: list[asyncio.StreamWriter] = []

    async def open(
        self, *parts: bytes, limit: int = 65_536
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection, and send each part in a packet of its own."""
        reader, writer = await asyncio.open_connection(LOCALHOST, self.port, limit=limit)
        self.writers.append(writer)
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
        return reader, writer

    async def send(self, *parts: bytes) -> bytes:
        """Send a request; return all that the service sends until it closes the connection."""
        reader, writer = await self.open(*parts)
        received = await read_all(reader)
        writer.close()
        return received

    async def statuses(self, *parts: bytes) -> list[int]:
        """Send a request; return the status codes of the responses on the connection."""
        return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+)", await self.send(*parts))]


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """Return all that the service sends until it closes the connection."""
    received = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(DEADLINE):
            while chunk := await reader.read(1 << 20):
                received += chunk
    return received


def create_app() -> FastAPI:
    """Return a service with probes, a route that reads a body, and one with a long response."""
    app = FastAPI()
    errors.install(app)
    health.install(app)

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/long")
    async def long() -> StreamingResponse:
        return StreamingResponse(CHUNK for _ in range(CHUNKS))

    @app.get("/large")
    async def large() -> Response:
        return Response(CHUNK * CHUNKS)

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(0.3)

    return app


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Return a function that serves the service with the given limits."""

    @asynccontextmanager
    async def start(**limits: object) -> AsyncGenerator[Client, None]:
        for name, value in limits.items():
            monkeypatch.setenv(name.upper(), str(value))
        async with started(create_app()) as server:
            client = Client(server)
            try:
                yield client
            finally:
                for writer in client.writers:
                    writer.transport.abort()

    return start


def test_installed_uvicorn_version_is_supported() -> None:
    installed = ".".join(version("uvicorn").split(".")[:2])
    assert installed == UVICORN, (
        f"app/limits/http_protocol.py extends a private module of uvicorn {UVICORN}, but "
        f"{installed} is installed. Check `HttpToolsProtocol`: its callbacks, `connections`, "
        "`send_400_response`, `cycle`, `flow`, `pipeline`, `headers`, `url`, `app`; run all tests "
        "of this module; then set `UVICORN`."
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"Cookie: " + b"a" * 16_384 + b"\r\n", 200),
        (b"X: a\r\n" * 90, 200),
        (b"X: " + b"a" * 40_000 + b"\r\n", 431),
        (b"X: a\r\n" * 101, 431),
    ],
)
async def test_large_or_many_headers_are_refused(serve: Serve, headers: bytes, status: int) -> None:
    async with serve() as client:
        last = b"Connection: close\r\n\r\n"
        assert await client.statuses(GET + headers + last) == [status]
        assert await client.statuses(GET, headers, last) == [status]


async def test_endless_header_is_refused_with_problem(serve: Serve) -> None:
    async with serve() as client:
        answer = await client.send(GET + b"X: ", *[b"a" * 10_000] * 4)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-content-type-options: nosniff" in head
    assert json.loads(body)["code"] == "request_header_fields_too_large"


async def test_endless_trailers_close_connection(serve: Serve) -> None:
    chunked = b"POST /size HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    async with serve() as client:
        assert await client.statuses(chunked, *[b"X: a\r\n" * 2000] * 4) == [431]


async def test_large_header_of_websocket_handshake_is_refused(serve: Serve) -> None:
    async with serve(header_limit=1000) as client:
        assert await client.statuses(UPGRADE + b"X: " + b"a" * 1000 + b"\r\n\r\n") == [431]


async def test_large_body_in_first_packet_is_not_counted_as_headers(serve: Serve) -> None:
    body = b"a" * 2000
    head = b"POST /size HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n"
    async with serve(header_limit=1000) as client:
        assert (await client.send(head + body)).endswith(b"\r\n\r\n2000")
        assert await client.statuses(head, body) == [200]


async def test_refused_request_does_not_replace_earlier_response(serve: Serve) -> None:
    large = GET + b"X: " + b"a" * 2000 + b"\r\n\r\n"
    async with serve(header_limit=1000) as client:
        assert await client.statuses(GET + b"\r\n" + large) == [200, 431]


@pytest.mark.parametrize(("requests", "responses"), [(17, 17), (18, 17), (50, 17)])
async def test_pipelined_requests_over_limit_close_connection(
    serve: Serve, requests: int, responses: int
) -> None:
    pipelined = (GET + b"\r\n") * (requests - 1) + GET + b"Connection: close\r\n\r\n"
    async with serve() as client:
        received = await client.send(pipelined)
    assert received.count(b"HTTP/1.1 ") == received.count(b"HTTP/1.1 200 ") == responses
    assert received.lower().count(b"connection: close") == 1


@pytest.mark.parametrize(
    ("limit", "parts", "statuses"),
    [
        ("header_timeout", [], []),
        ("header_timeout", [b"\r\n"], []),
        ("header_timeout", [b"GET"], [408]),
        ("header_timeout", [GET, b"X: a\r\n"], [408]),
        ("header_timeout", [GET + b"\r\n", GET], [200, 408]),
        ("body_timeout", [UPLOAD + b"\r\n"], [408]),
        ("body_timeout", [UPLOAD + b"\r\n", b"123"], [408]),
        ("body_timeout", [UPLOAD + b"Expect: 100-continue\r\n\r\n", b"123"], [100, 408]),
    ],
)
async def test_slow_request_is_closed_by_timeout(
    serve: Serve, limit: str, parts: list[bytes], statuses: list[int]
) -> None:
    async with serve(**{limit: SHORT}) as client:
        assert await client.statuses(*parts) == statuses


async def test_dribbled_headers_do_not_extend_timeout(serve: Serve) -> None:
    async with serve(header_timeout=0.3) as client:
        reader, writer = await client.open(GET)
        answer = asyncio.create_task(read_all(reader))
        while not answer.done():
            writer.write(b"X: a\r\n")
            await asyncio.sleep(0.02)
        assert b" 408 " in answer.result()


@pytest.mark.parametrize("start", [b"", CHUNK])
async def test_dribbled_body_does_not_extend_timeout(serve: Serve, start: bytes) -> None:
    head = b"POST /size HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (len(start) + 100)
    async with serve(body_timeout=0.3) as client:
        reader, writer = await client.open(head, start)
        answer = asyncio.create_task(read_all(reader))
        while not answer.done():
            writer.write(b"a")
            await asyncio.sleep(0.02)
        assert b" 408 " in answer.result()


@pytest.mark.drill
async def test_body_that_makes_progress_may_exceed_timeout(serve: Serve) -> None:
    async with serve(body_timeout=2) as client:
        head = b"POST /size HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        reader, writer = await client.open(head + b"Content-Length: 30000\r\n\r\n")
        for _ in range(30):
            await asyncio.sleep(0.08)
            writer.write(b"a" * 1000)
        assert (await read_all(reader)).endswith(b"\r\n\r\n30000")


async def test_response_after_timeout_of_body_is_discarded(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    request = b"GET /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
    async with serve(body_timeout=SHORT) as client:
        assert await client.statuses(request) == [408]
        await wait_until(lambda: not client.tasks)
    assert "Exception" not in caplog.text


async def test_waiting_for_service_is_not_timed_out(serve: Serve) -> None:
    async with serve(header_timeout=SHORT, body_timeout=SHORT) as client:
        request = b"GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert await client.statuses(request) == [200]


async def test_client_that_reads_nothing_is_disconnected(serve: Serve) -> None:
    request = b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n"
    async with serve(send_timeout=SHORT) as client:
        await client.open(request, limit=1)
        await wait_until(lambda: client.connections)
        await wait_until(lambda: not client.connections)


@pytest.mark.drill
async def test_slow_client_that_reads_is_not_disconnected(serve: Serve) -> None:
    request = b"GET /large HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    async with serve(send_timeout=2) as client:
        reader, _ = await client.open(request)
        for _ in range(50):
            assert await reader.readexactly(1 << 20)
            await asyncio.sleep(0.08)
        assert len(await read_all(reader)) > CHUNKS * len(CHUNK) - (50 << 20)


async def test_connections_over_limit_are_refused_but_probes_answered(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    size = b"POST /size HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n"
    async with serve(connection_limit=2) as client:
        for _ in range(2):
            await client.open()
        await wait_until(lambda: len(client.connections) == 2)
        assert await client.statuses(size) == [503]
        assert await client.statuses(UPGRADE + b"\r\n") == [503]
        assert await client.statuses(GET + b"\r\n") == [200]
        client.writers[0].close()
        await wait_until(lambda: len(client.connections) == 1)
        await client.open(size)
        assert await client.statuses(GET + b"Connection: close\r\n\r\n") == [200]
    assert capsys.readouterr().out.count("connection_limit_reached") == 1


async def test_connections_over_reserve_are_closed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "RESERVED", 0)
    async with serve(connection_limit=1) as client:
        await client.open()
        await wait_until(lambda: client.connections)
        assert await client.statuses(GET) == []


@pytest.mark.parametrize(
    ("descriptors", "limit"), [(256, 192), (1024, 768), (65_536, 10_000), (-1, 10_000)]
)
def test_number_of_descriptors_lowers_limit_of_connections(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, limit: int
) -> None:
    resource = getattr(connections, "resource", None)
    if resource is None:
        pytest.skip("Windows has no such limit")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert limit_by_descriptors(10_000) == limit
