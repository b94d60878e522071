"""Transactions: what was answered is kept, and what failed is not. Over real sockets."""

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

HANGING_UP = 50

router = APIRouter()
left = asyncio.Event()


@router.post("/fails/{how}")
async def fail(session: Session, how: str) -> None:
    """Write a row, and fail afterwards."""
    await session.execute(insert(Jot).values(**payload()))
    if how == "refused":
        message = "No."
        raise errors.Conflict(message)
    if how == "broken":
        raise RuntimeError
    if how == "late":
        raise TimeoutError
    await session.execute(text("INSERT INTO entries VALUES (1)"))  # which COMMIT refuses


@router.get("/used")
async def use(session: Session, reader: ReadSession) -> StreamingResponse:
    """Tell whether sessions are still in use when the answer is sent."""
    for used in (session, reader):
        await used.execute(select(1))

    async def told() -> AsyncGenerator[str, None]:
        yield f"{session.in_transaction()} {reader.in_transaction()}"

    return StreamingResponse(told())


@router.get("/slow")
async def slow(session: Session) -> None:
    """Hold a connection until the clients have left."""
    await session.execute(select(1))
    await left.wait()


@pytest.fixture(scope="module")
async def ledgers(listening: tuple[FastAPI, int]) -> AsyncGenerator[None, None]:
    """Add the failing routes, and a table of which COMMIT refuses every row."""
    app, _ = listening
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
    """Serve with the failing routes."""
    _ = ledgers
    return live


async def test_what_was_answered_can_be_read_at_once(live: Live) -> None:
    for _ in range(20):
        made = await live.client.post(URL, json=payload())
        assert (await live.client.get(made.headers["Location"])).status_code == 200


@pytest.mark.parametrize(
    ("how", "status"), [("refused", 409), ("broken", 500), ("late", 503), ("commit", 500)]
)
async def test_nothing_is_kept_of_what_failed(failing: Live, how: str, status: int) -> None:
    assert (await failing.client.post(f"/fails/{how}")).status_code == status
    assert (await failing.client.get(URL)).json()["total"] == 0


async def test_sessions_are_over_before_an_answer_is_sent(failing: Live) -> None:
    assert (await failing.client.get("/used")).text == "False False"


async def test_the_database_does_refuse_such_a_commit(failing: Live) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(failing.app.state.sessions.begin())
        await session.execute(text("INSERT INTO entries VALUES (1)"))
        with pytest.raises(IntegrityError):
            await stack.aclose()  # which commits; the row itself was taken


async def test_those_who_change_the_same_row_wait_for_each_other(live: Live) -> None:
    made = await live.client.post(URL, json=payload())
    place = made.headers["Location"]
    answers = await asyncio.gather(
        *(live.client.patch(place, json={"text": f"Text {number}"}) for number in range(8)),
        live.client.delete(place),
        *(live.client.patch(place, json={"text": f"Text {number}"}) for number in range(8)),
    )
    assert {answer.status_code for answer in answers} <= {200, 204, 404}
    assert (await live.client.get(place)).status_code == 404


@asynccontextmanager
async def requested(port: int, path: str) -> AsyncGenerator[asyncio.StreamReader, None]:
    """Send a request, and hang up when the context ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        await writer.drain()
        yield reader
    finally:
        writer.close()


async def idle(live: Live) -> None:
    """Wait until no connection of the pool is in use."""
    await wait_until(lambda: not live.app.state.engine.pool.checkedout())
    gc.collect()  # what was cut short is told now, and not while another test reads the log


async def test_clients_that_hang_up_leave_no_connection_in_use(failing: Live) -> None:
    pool = failing.app.state.engine.pool
    left.clear()
    try:
        async with AsyncExitStack() as stack:
            for _ in range(HANGING_UP):
                await stack.enter_async_context(requested(failing.port, "/slow"))
            await wait_until(pool.checkedout)
        assert pool.checkedout()
    finally:
        left.set()
    await idle(failing)
    assert (await failing.client.get("/health/ready")).status_code == 200


async def leave_midway(port: int, path: str) -> None:
    """Hang up while the rest of the answer waits to be taken."""
    async with requested(port, path) as reader:
        await reader.read(1)
        await asyncio.sleep(0.2)  # in which the server fills the buffers between


@pytest.mark.drill
async def test_clients_that_leave_an_export_leave_no_connection_in_use(live: Live) -> None:
    rows = [payload(text="x" * 9_000) for _ in range(2_000)]
    async with live.app.state.sessions.begin() as session:
        await session.execute(insert(Jot), rows)
    await asyncio.gather(*(leave_midway(live.port, f"{URL}/export") for _ in range(HANGING_UP)))
    await idle(live)
    assert (await live.client.get(f"{URL}/export")).text.count("\n") == 2_001
