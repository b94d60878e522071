"""Changes, as they happen: who hears of them, and what ends it."""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from app import health
from app.changes import Change, Kind
from app.settings import ConfigurationError
from app.websockets import endpoints, pubsub
from app.websockets.message import MANY, messages
from development.memory import shared_memory
from development.valkey import running_in, url
from tests.support import sample_resource, valkey
from tests.support.live_server import output, running
from tests.support.timeouts import DEADLINE, wait_until
from tests.support.websocket_service import PATH, Told, closed, create_app, event, heard, telling

CROWD = 1000
MOST = 100  # KiB of memory that a socket may take
HANDSHAKE = "\r\n".join(
    [
        f"GET {PATH} HTTP/1.1",
        "Host: test",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        *("", ""),
    ]
).encode()


@pytest.fixture
def configured(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set how changes are told, for a service that is built after."""
    _ = database_url

    def configure(**environment: object) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(f"WEBSOCKETS_{name}", str(value))

    return configure


@pytest.fixture
async def told(database_url: str) -> AsyncGenerator[Told, None]:
    """Serve, and listen."""
    _ = database_url
    async with telling(create_app()) as found:
        yield found


async def test_what_a_client_changes_is_told_by_its_id_alone(told: Told) -> None:
    async with told.socket() as socket:
        made = await told.make(text="secret")
        assert await heard(socket) == {"type": "created", "resource": "jots", "id": made}
        await told.client.patch(f"{sample_resource.URL}/{made}", json={"text": "new"})
        assert (await heard(socket))["type"] == "updated"
        await told.client.delete(f"{sample_resource.URL}/{made}")
        assert await heard(socket) == {"type": "deleted", "resource": "jots", "id": made}


async def test_what_is_told_can_be_read(told: Told) -> None:
    async with told.socket() as socket:
        async with told.app.state.sessions.begin() as session:
            session.add(sample_resource.Jot(title="lost"))
            await session.flush()
            await session.rollback()
        made = await told.make()
        assert (await heard(socket))["id"] == made


async def test_a_service_has_rooms_of_its_own(told: Told) -> None:
    told.hub.open("news")
    async with told.socket("?resource=news") as socket:
        await told.make()
        async with told.app.state.sessions() as session:
            async with session.begin() as transaction:
                told.hub.send("news", "never", session)
                await transaction.rollback()
            async with session.begin():
                told.hub.send("news", {"text": "hello"}, session)
        told.hub.send("news", "for somebody", to=uuid4())
        told.hub.send("news", "the end")
        said = {"type": "message", "resource": "news"}
        assert await heard(socket) == {**said, "data": {"text": "hello"}}
        assert await heard(socket) == {**said, "data": "the end"}


async def test_nothing_is_said_where_there_is_no_room(told: Told) -> None:
    with pytest.raises(LookupError, match="open it first"):
        told.hub.send("nowhere", "hello")


async def test_one_hears_what_one_asks_for(told: Told) -> None:
    told.hub.open("news")
    async with told.socket("?resource=news") as socket:
        await told.make()
        await socket.send('{"type": "subscribe", "resource": "jots"}')
        assert await heard(socket) == {"type": "subscribed", "resource": "jots"}
        made = await told.make()
        assert (await heard(socket))["id"] == made
        await socket.send('{"type": "unsubscribe", "resource": "jots"}')
        assert await heard(socket) == {"type": "unsubscribed", "resource": "jots"}
        await told.make()
        await socket.send('{"type": "subscribe", "resource": "secrets"}')
        assert await heard(socket) == {"type": "refused", "resource": "secrets"}


async def refused(told: Told, query: str = "", **headers: str) -> int:
    """Try to open a socket, and give the status of the refusal."""
    with pytest.raises(InvalidStatus) as caught:
        async with told.socket(query, additional_headers=headers):
            pass
    answer = caught.value.response
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code


async def test_what_is_not_there_cannot_be_listened_to(told: Told) -> None:
    assert await refused(told, "?resource=nothing") == 404
    assert await told.asked("?resource=nothing") == (404, "not_found")


async def test_a_refusal_is_no_error(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    assert await refused(told, "?resource=nothing") == 404
    assert "ERROR" not in {line.levelname for line in caplog.records}


def test_many_changes_are_told_as_one() -> None:
    few = [Change("order_items", Kind.CREATED, UUID(int=number)) for number in range(MANY)]
    assert len(list(messages(few))) == MANY
    (one,) = messages([*few, few[0]])
    assert (one.channel, one.text) == (
        "order-items",
        '{"type":"created","resource":"order-items","id":null}',
    )


async def test_a_stream_of_events_tells_the_same(told: Told) -> None:
    async with told.stream("?resource=jots") as events:
        begun = await event(events)
        assert begun["retry"] == "3000"
        made = await told.make()
        said = await event(events)
        assert json.loads(said["data"]) == {"type": "created", "resource": "jots", "id": made}
        assert said["id"] != begun["id"]


async def test_a_stream_that_was_interrupted_goes_on_where_it_was(told: Told) -> None:
    async with told.stream() as events:
        last = (await event(events))["id"]
    made = [await told.make() for _ in range(2)]
    async with told.stream(**{"Last-Event-ID": last}) as events:
        assert (await event(events))["id"] == last
        assert [one["data"][-38:-2] for one in (await event(events), await event(events))] == made
        assert events.empty()


@pytest.mark.parametrize("last", ["another-1", "1"])
async def test_a_stream_that_cannot_go_on_says_so(told: Told, last: str) -> None:
    async with told.stream(**{"Last-Event-ID": last}) as events:
        await event(events)
        assert (await event(events))["data"] == '{"type":"missed"}'


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("hello", 1007),
        ('{"type": "sing"}', 1007),
        ("[" * 4096, 1007),
        (b"\x00", 1003),
        ("x" * 4097, 1009),
    ],
)
async def test_what_cannot_be_understood_closes_the_socket(
    told: Told, sent: str | bytes, code: int
) -> None:
    async with told.socket() as socket:
        await socket.send(sent)
        assert await closed(socket) == code


async def test_who_takes_nothing_is_let_go_while_others_go_on(
    configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(QUEUE_LIMIT=4)
    monkeypatch.setattr(endpoints, "PATIENCE", 0.1)
    async with telling(create_app()) as told:
        told.hub.open("news")
        async with told.socket() as quick, told.socket(max_queue=1) as slow:
            count = 0
            while len(told.hub.subscribers) == 2 and count < 300:
                slow.transport.pause_reading()  # again, for the library may have resumed it
                told.hub.send("news", [count, "x" * 500_000])
                assert (await heard(quick))["data"][0] == count
                count += 1
            slow.transport.resume_reading()
            assert 4 < count < 300
            assert await closed(slow) in {None, 1013}
            told.hub.send("news", "the end")
            assert (await heard(quick))["data"] == "the end"


async def test_who_is_a_little_slow_is_told_why(configured: Callable[..., None]) -> None:
    configured(QUEUE_LIMIT=4)
    async with telling(create_app()) as told:
        told.hub.open("news")
        async with told.socket() as socket:
            for number in range(5):
                told.hub.send("news", number)
            assert await closed(socket) == 1013


async def test_one_caller_has_only_so_many_sockets(configured: Callable[..., None]) -> None:
    configured(CALLER_LIMIT=1, LIMIT=2)
    async with telling(create_app()) as told:
        async with told.socket():
            assert await refused(told) == 429
            async with told.socket(additional_headers={"X-Caller": "another"}):
                assert await refused(told, **{"X-Caller": "a third"}) == 503
        await wait_until(lambda: not told.hub.subscribers)
        assert not told.hub.callers
        async with told.socket():
            pass


async def test_a_page_of_another_origin_cannot_listen(
    configured: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured()
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    async with telling(create_app()) as told:
        own = str(told.client.base_url)
        for origin in (own, "https://shop.example"):
            async with told.socket(additional_headers={"Origin": origin}):
                pass
        for origin in ("https://evil.example", "null", "https://shop.example.evil.example"):
            assert await refused(told, Origin=origin) == 403


async def test_a_service_that_leaves_lets_everybody_go(told: Told) -> None:
    async with told.socket() as socket, told.stream() as events:
        await event(events)
        health.readiness(told.app).leaving.set()
        assert await closed(socket) == 1012
        assert (await event(events))["data"] == '{"type":"closed","code":1012}'
        assert await event(events) == {"ended": True}
        assert await refused(told) == 503


async def test_who_does_not_answer_is_gone(configured: Callable[..., None]) -> None:
    configured(HEARTBEAT=0.1)
    async with telling(create_app()) as told:
        reader, writer = await asyncio.open_connection("127.0.0.1", told.client.base_url.port)
        writer.write(HANDSHAKE)
        said = await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()
        assert b"101 Switching" in said
        await wait_until(lambda: not told.hub.subscribers)


@pytest.mark.parametrize(
    ("name", "value"), [("URL", "http://:s3cr3t@host"), ("LIMIT", "0"), ("HEARTBEAT", "s3cr3t")]
)
def test_a_bad_setting_is_told_by_name_and_mend(
    configured: Callable[..., None], name: str, value: str
) -> None:
    configured(**{name: value})
    with pytest.raises(ConfigurationError, match=f"WEBSOCKETS_{name}: .* Set it to") as caught:
        create_app()
    assert "s3cr3t" not in str(caught.value)


def test_the_description_knows_the_stream(told: Told) -> None:
    operation = told.app.openapi()["paths"][f"{PATH}/events"]["get"]
    assert "text/event-stream" in operation["responses"]["200"]["content"]


async def several(stack: AsyncExitStack, number: int) -> list[Told]:
    """Serve with several processes' worth of services."""
    title = str(uuid4())
    return [await stack.enter_async_context(telling(create_app(title))) for _ in range(number)]


async def linked(one: ClientConnection, told: Told, other: ClientConnection) -> None:
    """Wait until what is told in one process is heard in another."""
    async with asyncio.timeout(DEADLINE):
        while True:
            made = await told.make()
            assert (await heard(one))["id"] == made
            with suppress(TimeoutError):  # what was sent before the other subscribed is lost
                async with asyncio.timeout(0.2):
                    while (await heard(other)).get("id") != made:
                        pass
                    return


async def test_processes_hear_of_each_other_once(configured: Callable[..., None]) -> None:
    with valkey.server() as server:
        configured(URL=server)
        async with AsyncExitStack() as stack:
            one, other = await several(stack, 2)
            here = await stack.enter_async_context(one.socket())
            there = await stack.enter_async_context(other.socket())
            await linked(here, one, there)
            await linked(there, other, here)
            made = [await one.make(), await other.make()]
            assert {(await heard(here))["id"] for _ in made} == set(made)
            assert {(await heard(there))["id"] for _ in made} == set(made)
            last = await one.make()
            assert [(await heard(each))["id"] for each in (here, there)] == [last, last]


@pytest.mark.parametrize("owner", [None, UUID(int=7)])
async def test_what_is_somebodys_stays_theirs_in_another_process(
    configured: Callable[..., None], owner: UUID | None
) -> None:
    with valkey.server() as server:
        configured(URL=server)
        async with AsyncExitStack() as stack:
            one, other = await several(stack, 2)
            one.hub.open("news")
            other.hub.open("news")
            there = await stack.enter_async_context(other.socket())
            here = await stack.enter_async_context(one.socket())
            await linked(here, one, there)
            one.hub.send("news", "hello", to=owner)
            one.hub.send("news", "the end")
            assert (await heard(there))["data"] == ("the end" if owner else "hello")


async def test_an_outage_of_valkey_keeps_nobody_from_hearing_what_is_near(
    configured: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pubsub, "PAUSES", (0.05,))
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as found:
        place = Path(found)
        configured(URL=url(place))
        async with AsyncExitStack() as stack:
            with running_in(place):
                one, other = await several(stack, 2)
                here = await stack.enter_async_context(one.socket())
                there = await stack.enter_async_context(other.socket())
                await linked(here, one, there)
            made = await one.make()
            assert (await heard(here))["id"] == made
            with running_in(place):
                assert await heard(there) == {"type": "missed"}
                assert await heard(here) == {"type": "missed"}
                made = await one.make()
                while (await heard(there)).get("id") != made:
                    pass
                said = capsys.readouterr().out
    assert said.count("changes stay here") == 2
    assert said.count("told everywhere again") == 2


async def test_a_line_that_breaks_for_a_moment_is_a_gap(configured: Callable[..., None]) -> None:
    with valkey.server() as server:
        configured(URL=server)
        async with AsyncExitStack() as stack:
            one, other = await several(stack, 2)
            here = await stack.enter_async_context(one.socket())
            there = await stack.enter_async_context(other.socket())
            await linked(here, one, there)
            async with Redis.from_url(server) as client:
                await client.publish(f"websockets:{one.app.title}:0", "nonsense")
                await client.client_kill_filter(_type="pubsub")
            assert await heard(there) == {"type": "missed"}
            assert await heard(here) == {"type": "missed"}
            await linked(here, one, there)


async def test_a_token_is_in_no_log(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "uvicorn.error"):
        async with told.socket(additional_headers={"Authorization": "Bearer s3cr3t"}) as socket:
            await told.make()
            await heard(socket)
    assert "accepted" in caplog.text
    assert "s3cr3t" not in caplog.text


def memory_of(process: int) -> int:
    """Give the resident memory of a process, in KiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


@pytest.mark.drill
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
async def test_a_thousand_sockets_are_told_and_take_little(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "WEBSOCKETS_CALLER_LIMIT": str(CROWD)}
    quiet = {"LOG_LEVEL": "error"}  # a pipe that nobody reads is soon full
    async with running("tests.support.websocket_service", **environment, **quiet) as (
        process,
        client,
    ):
        told = Told(FastAPI(), client)
        async with AsyncExitStack() as stack:
            warm = await stack.enter_async_context(told.socket())
            await told.make()
            await heard(warm)
            before = memory_of(process.pid)
            crowd = [await stack.enter_async_context(told.socket()) for _ in range(CROWD - 1)]
            made = await told.make()
            ids = {(await heard(socket))["id"] for socket in (warm, *crowd)}
            each = (memory_of(process.pid) - before) / len(crowd)
    assert ids == {made}
    assert each <= MOST, f"{each:.1f} KiB a socket"


@pytest.mark.drill
async def test_a_server_that_is_told_to_stop_waits_for_no_listener(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "0", "LOG_LEVEL": "error"}
    async with running("tests.support.websocket_service", **environment) as (process, client):
        told = Told(FastAPI(), client)
        async with told.socket() as socket, told.socket() as deaf, told.stream() as events:
            await event(events)
            deaf.transport.pause_reading()
            process.send_signal(signal.SIGTERM)
            assert await closed(socket) == 1012
            assert "1012" in (await event(events))["data"]
            logged, errors = await output(process)
            deaf.transport.abort()
    assert (logged, errors, process.returncode) == (b"", b"", -signal.SIGTERM)
