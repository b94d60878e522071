"""Tests of transactions over HTTP: commit, rollback, locks, disconnected clients."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from app import errors
from app.database import ReadSession, Session
from tests.support.live_server import Live
from tests.support.sample_resource import URL, Jot, payload
from tests.support.timeouts import wait_until

CLIENTS = 50  # that disconnect

router = APIRouter()
disconnected = asyncio.Event()


@router.post("/fails/{how}")
async def fail(session: Session, how: str) -> None:
    """Insert a row, then fail in the given way."""
    await session.execute(insert(Jot).values(**payload()))
    if how == "refused":
        message = "No."
        raise errors.Conflict(message)
    if how == "broken":
        raise RuntimeError
    if how == "late":
        raise TimeoutError
    await session.execute(
        text("INSERT INTO entries VALUES (1)")
    )  # violates a deferred constraint on COMMIT


@router.get("/used")
async def use(session: Session, reader: ReadSession) -> StreamingResponse:
    """Stream, while the response is sent, whether the request's transactions are still open."""
    for each in (session, reader):
        await each.execute(select(1))

    async def body() -> AsyncGenerator[str, None]:
        yield f"{session.in_transaction()} {reader.in_transaction()}"

    return StreamingResponse(body())


@router.get("/slow")
async def slow(session: Session) -> None:
    """Hold a database connection until the clients have disconnected."""
    await session.execute(select(1))
    await disconnected.wait()


@pytest.fixture(scope="module")
async def ledgers(running_server: tuple[FastAPI, int]) -> AsyncGenerator[None, None]:
    """Add the failing routes, and tables with a deferred foreign key."""
    app, _ = running_server
    app.include_router(router)
    async with app.state.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE ledgers (id INTEGER PRIMARY KEY)"))
        await connection.execute(
            text(
                "CREATE TABLE entries (ledger INTEGER REFERENCES ledgers (id)"
                " DEFERRABLE INITIALLY DEFERRED)"
            )
        )
    yield
    async with app.state.engine.begin() as connection:
        await connection.execute(text("DROP TABLE entries"))
        await connection.execute(text("DROP TABLE ledgers"))


@pytest.fixture
def failing(live: Live, ledgers: None) -> Live:
    """Return the running server with the failing routes."""
    _ = ledgers
    return live


async def test_created_row_is_committed_before_response(live: Live) -> None:
    for _ in range(20):
        created = await live.client.post(URL, json=payload())
        assert (await live.client.get(created.headers["Location"])).status_code == 200


@pytest.mark.parametrize(
    ("how", "status"), [("refused", 409), ("broken", 500), ("late", 503), ("commit", 500)]
)
async def test_failed_request_is_rolled_back(failing: Live, how: str, status: int) -> None:
    assert (await failing.client.post(f"/fails/{how}")).status_code == status
    assert (await failing.client.get(URL)).json()["total"] == 0


async def test_transactions_end_before_response_is_sent(failing: Live) -> None:
    assert (await failing.client.get("/used")).text == "False False"


async def test_violated_deferred_constraint_fails_on_commit(failing: Live) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(failing.app.state.sessions.begin())
        await session.execute(text("INSERT INTO entries VALUES (1)"))
        with pytest.raises(IntegrityError):
            await stack.aclose()  # commits


async def test_concurrent_updates_of_one_row_are_serialized(live: Live) -> None:
    created = await live.client.post(URL, json=payload())
    url = created.headers["Location"]
    responses = await asyncio.gather(
        *(live.client.patch(url, json={"text": f"Text {number}"}) for number in range(8)),
        live.client.delete(url),
        *(live.client.patch(url, json={"text": f"Text {number}"}) for number in range(8)),
    )
    assert {response.status_code for response in responses} <= {200, 204, 404}
    assert (await live.client.get(url)).status_code == 404


@asynccontextmanager
async def requested(port: int, path: str) -> AsyncGenerator[asyncio.StreamReader, None]:
    """Send a request on a socket; disconnect when the context ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        await writer.drain()
        yield reader
    finally:
        writer.close()


async def idle(live: Live) -> None:
    """Wait until no connection of the database pool is in use."""
    await wait_until(lambda: not live.app.state.engine.pool.checkedout())
    gc.collect()  # log abandoned generators now, not while another test reads the log


async def test_disconnected_clients_release_database_connections(failing: Live) -> None:
    pool = failing.app.state.engine.pool
    disconnected.clear()
    try:
        async with AsyncExitStack() as stack:
            for _ in range(CLIENTS):
                await stack.enter_async_context(requested(failing.port, "/slow"))
            await wait_until(pool.checkedout)
        assert pool.checkedout()
    finally:
        disconnected.set()
    await idle(failing)
    assert (await failing.client.get("/health/ready")).status_code == 200


async def disconnect_midway(port: int, path: str) -> None:
    """Request a path, and disconnect while the response is sent."""
    async with requested(port, path) as reader:
        await reader.read(1)
        await asyncio.sleep(0.2)  # the server fills the socket buffers


@pytest.mark.drill
async def test_aborted_exports_release_database_connections(live: Live) -> None:
    rows = [payload(text="x" * 9_000) for _ in range(2_000)]
    async with live.app.state.sessions.begin() as session:
        await session.execute(insert(Jot), rows)
    await asyncio.gather(*(disconnect_midway(live.port, f"{URL}/export") for _ in range(CLIENTS)))
    await idle(live)
    assert (await live.client.get(f"{URL}/export")).text.count("\n") == 2_001
