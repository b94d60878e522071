"""Tests of WebSockets and server-sent events: fan-out, slow consumers, relay, shutdown."""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from app import health
from app.changes import Change, Kind
from app.openapi import describe
from app.routing.root_path import RootPath
from app.settings import ConfigurationError
from app.websockets import endpoints, pubsub
from app.websockets.message import MANY, messages
from development.memory import shared_memory
from development.valkey import running_in, url
from tests.support import sample_resource, valkey
from tests.support.cors import rejected_headers
from tests.support.live_server import output, running
from tests.support.timeouts import DEADLINE, wait_until
from tests.support.websocket_service import (
    PATH,
    WebSocketService,
    close_code,
    create_app,
    next_event,
    receive,
    serving_websockets,
)

ABORTED = 30  # sockets that end without a closing handshake
CONNECTIONS = 1000
MAX_MEMORY = 100  # KiB per connection
UVICORN = "0.54"  # minor version whose private WebSocket module `Protocol` extends
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
def configure(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the environment variables of `WebSocketSettings`."""
    _ = database_url

    def set_variables(**environment: object) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(f"WEBSOCKETS_{name}", str(value))

    return set_variables


@pytest.fixture
async def service(database_url: str) -> AsyncGenerator[WebSocketService, None]:
    """Serve WebSockets on a real socket, with a database of this test."""
    _ = database_url
    async with serving_websockets(create_app()) as service:
        yield service


async def test_change_is_sent_to_subscriber_without_field_values(service: WebSocketService) -> None:
    async with service.socket() as socket:
        row_id = await service.create_jot(text="secret")
        assert await receive(socket) == {"type": "created", "resource": "jots", "id": row_id}
        await service.client.patch(f"{sample_resource.URL}/{row_id}", json={"text": "new"})
        assert (await receive(socket))["type"] == "updated"
        await service.client.delete(f"{sample_resource.URL}/{row_id}")
        assert await receive(socket) == {"type": "deleted", "resource": "jots", "id": row_id}


async def test_rolled_back_change_is_not_sent_to_subscriber(service: WebSocketService) -> None:
    async with service.socket() as socket:
        async with service.app.state.sessions.begin() as session:
            session.add(sample_resource.Jot(title="lost"))
            await session.flush()
            await session.rollback()
        row_id = await service.create_jot()
        assert (await receive(socket))["id"] == row_id


async def test_message_on_custom_channel_is_sent_only_after_commit(
    service: WebSocketService,
) -> None:
    service.hub.open("news")
    async with service.socket("?resource=news") as socket:
        await service.create_jot()
        async with service.app.state.sessions() as session:
            async with session.begin() as transaction:
                service.hub.send("news", "never", session)
                await transaction.rollback()
            async with session.begin():
                service.hub.send("news", {"text": "hello"}, session)
        service.hub.send("news", "for one user", to=uuid4())
        service.hub.send("news", "the end")
        message = {"type": "message", "resource": "news"}
        assert await receive(socket) == {**message, "data": {"text": "hello"}}
        assert await receive(socket) == {**message, "data": "the end"}


async def test_send_to_unknown_channel_raises(service: WebSocketService) -> None:
    with pytest.raises(LookupError, match="open it with"):
        service.hub.send("nowhere", "hello")


async def test_client_subscribes_and_unsubscribes_by_messages(service: WebSocketService) -> None:
    service.hub.open("news")
    async with service.socket("?resource=news") as socket:
        await service.create_jot()
        await socket.send('{"type": "subscribe", "resource": "jots"}')
        assert await receive(socket) == {"type": "subscribed", "resource": "jots"}
        row_id = await service.create_jot()
        assert (await receive(socket))["id"] == row_id
        await socket.send('{"type": "unsubscribe", "resource": "jots"}')
        assert await receive(socket) == {"type": "unsubscribed", "resource": "jots"}
        await service.create_jot()
        await socket.send('{"type": "subscribe", "resource": "secrets"}')
        assert await receive(socket) == {"type": "refused", "resource": "secrets"}


async def rejected_status(service: WebSocketService, query: str = "", **headers: str) -> int:
    """Open a WebSocket; assert that it is rejected, and return the status."""
    with pytest.raises(InvalidStatus) as caught:
        async with service.socket(query, additional_headers=headers):
            pass
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    return response.status_code


async def test_subscribe_to_unknown_resource_returns_404(service: WebSocketService) -> None:
    assert await rejected_status(service, "?resource=nothing") == 404
    assert await service.stream_error("?resource=nothing") == (404, "not_found")


async def test_rejected_websocket_handshake_logs_no_error(
    service: WebSocketService, caplog: pytest.LogCaptureFixture
) -> None:
    assert await rejected_status(service, "?resource=nothing") == 404
    assert "ERROR" not in {line.levelname for line in caplog.records}


def test_many_changes_in_table_become_one_message() -> None:
    few = [Change("order_items", Kind.CREATED, UUID(int=number)) for number in range(MANY)]
    assert len(list(messages(few))) == MANY
    (one,) = messages([*few, few[0]])
    assert (one.channel, one.text) == (
        "order-items",
        '{"type":"created","resource":"order-items","id":null}',
    )


@pytest.mark.parametrize("prefix", ["/shop", ""])
async def test_websocket_is_routed_below_root_path(
    configure: Callable[..., None], prefix: str
) -> None:
    configure()
    app = create_app()
    app.root_path = "/shop"
    app.add_middleware(RootPath)
    async with serving_websockets(app) as service:
        url = service.url.replace(PATH, f"{prefix}{PATH}")
        async with connect(f"{url}?resource=jots", proxy=None) as socket:
            row_id = await service.create_jot()
            assert (await receive(socket))["id"] == row_id


async def test_listener_is_told_of_changes_after_other_sockets_were_aborted(
    service: WebSocketService,
) -> None:
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(service.socket()) for _ in range(ABORTED)]
        for socket in sockets:
            socket.transport.abort()
    async with service.socket("?resource=jots") as listener:
        row_id = await service.create_jot()
        assert (await receive(listener))["id"] == row_id
    await wait_until(lambda: not service.hub.subscribers)


@pytest.mark.usefixtures("shared_url")
async def test_cors_allows_last_event_id(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rejected_headers(monkeypatch, "Last-Event-ID") == set()


async def test_event_stream_sends_changes(service: WebSocketService) -> None:
    async with service.stream("?resource=jots") as events:
        opening = await next_event(events)
        assert opening["retry"] == "3000"
        row_id = await service.create_jot()
        received = await next_event(events)
        assert json.loads(received["data"]) == {"type": "created", "resource": "jots", "id": row_id}
        assert received["id"] != opening["id"]


async def test_last_event_id_header_resumes_event_stream(service: WebSocketService) -> None:
    async with service.stream() as events:
        last = (await next_event(events))["id"]
    ids = [await service.create_jot() for _ in range(2)]
    async with service.stream(**{"Last-Event-ID": last}) as events:
        assert (await next_event(events))["id"] == last
        received = [await next_event(events) for _ in ids]
        assert [json.loads(each["data"])["id"] for each in received] == ids
        assert events.empty()


@pytest.mark.parametrize("last", ["another-1", "1"])
async def test_event_stream_after_unknown_id_sends_missed_event(
    service: WebSocketService, last: str
) -> None:
    async with service.stream(**{"Last-Event-ID": last}) as events:
        await next_event(events)
        assert (await next_event(events))["data"] == '{"type":"missed"}'


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
async def test_malformed_message_closes_websocket(
    service: WebSocketService, sent: str | bytes, code: int
) -> None:
    async with service.socket() as socket:
        await socket.send(sent)
        assert await close_code(socket) == code


async def test_blocked_consumer_does_not_delay_other_consumers(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(QUEUE_LIMIT=4)
    monkeypatch.setattr(endpoints, "CLOSE_TIMEOUT", 0.1)
    async with serving_websockets(create_app()) as service:
        service.hub.open("news")
        async with service.socket() as quick, service.socket(max_queue=1) as slow:
            count = 0
            while len(service.hub.subscribers) == 2 and count < 300:
                slow.transport.pause_reading()  # again: the library may have resumed it
                service.hub.send("news", [count, "x" * 500_000])
                assert (await receive(quick))["data"][0] == count
                count += 1
            slow.transport.resume_reading()
            assert 4 < count < 300
            assert await close_code(slow) in {None, 1013}
            service.hub.send("news", "the end")
            assert (await receive(quick))["data"] == "the end"


async def test_slow_consumer_is_closed_with_1013(configure: Callable[..., None]) -> None:
    configure(QUEUE_LIMIT=4)
    async with serving_websockets(create_app()) as service:
        service.hub.open("news")
        async with service.socket() as socket:
            for number in range(5):
                service.hub.send("news", number)
            assert await close_code(socket) == 1013


async def test_connections_over_limit_return_429_or_503(configure: Callable[..., None]) -> None:
    configure(CALLER_LIMIT=1, LIMIT=2)
    async with serving_websockets(create_app()) as service:
        async with service.socket():
            assert await rejected_status(service) == 429
            async with service.socket(additional_headers={"X-Caller": "another"}):
                assert await rejected_status(service, **{"X-Caller": "a third"}) == 503
        await wait_until(lambda: not service.hub.subscribers)
        assert not service.hub.callers
        async with service.socket():
            pass


async def test_websocket_from_other_origin_returns_403(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example")
    async with serving_websockets(create_app()) as service:
        own = str(service.client.base_url)
        for origin in (own, "https://shop.example"):
            async with service.socket(additional_headers={"Origin": origin}):
                pass
        for origin in ("https://evil.example", "null", "http://[", "https://shop.example.evil"):
            assert await rejected_status(service, Origin=origin) == 403


async def test_shutdown_disconnects_subscribers_with_1012(service: WebSocketService) -> None:
    async with service.socket() as socket, service.stream() as events:
        await next_event(events)
        health.readiness(service.app).drained.set()
        assert await close_code(socket) == 1012
        assert (await next_event(events))["data"] == '{"type":"closed","code":1012}'
        assert await next_event(events) == {"ended": True}
        assert await rejected_status(service) == 503


async def test_unanswered_ping_disconnects_subscriber(configure: Callable[..., None]) -> None:
    configure(HEARTBEAT=0.1)
    async with serving_websockets(create_app()) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.client.base_url.port)
        writer.write(HANDSHAKE)
        response = await asyncio.wait_for(reader.read(), DEADLINE)
        writer.close()
        assert b"101 Switching" in response
        await wait_until(lambda: not service.hub.subscribers)


@pytest.mark.parametrize(
    ("name", "value"), [("URL", "http://:s3cr3t@host"), ("LIMIT", "0"), ("HEARTBEAT", "s3cr3t")]
)
def test_invalid_websocket_setting_error_hides_value(
    configure: Callable[..., None], name: str, value: str
) -> None:
    configure(**{name: value})
    with pytest.raises(ConfigurationError, match=f"WEBSOCKETS_{name}: .* Set it to") as caught:
        create_app()
    assert "s3cr3t" not in str(caught.value)


def test_openapi_describes_event_stream(service: WebSocketService) -> None:
    operation = describe(service.app)["paths"][f"{PATH}/events"]["get"]
    content = operation["responses"]["200"]["content"]
    assert content == {"text/event-stream": {"schema": {"type": "string"}}}


async def two_services(stack: AsyncExitStack) -> list[WebSocketService]:
    """Run two services with the same title, as two processes of one service."""
    title = str(uuid4())
    return [
        await stack.enter_async_context(serving_websockets(create_app(title))) for _ in range(2)
    ]


async def wait_for_relay(
    one: ClientConnection, service: WebSocketService, other: ClientConnection
) -> None:
    """Wait until Valkey relays messages from one process to the other."""
    async with asyncio.timeout(DEADLINE):
        while True:
            row_id = await service.create_jot()
            assert (await receive(one))["id"] == row_id
            with suppress(TimeoutError):  # messages before the subscription are lost
                async with asyncio.timeout(0.2):
                    while (await receive(other)).get("id") != row_id:
                        pass
                    return


async def test_processes_relay_each_message_exactly_once(configure: Callable[..., None]) -> None:
    with valkey.server() as server:
        configure(URL=server)
        async with AsyncExitStack() as stack:
            one, other = await two_services(stack)
            here = await stack.enter_async_context(one.socket())
            there = await stack.enter_async_context(other.socket())
            await wait_for_relay(here, one, there)
            await wait_for_relay(there, other, here)
            ids = [await one.create_jot(), await other.create_jot()]
            assert {(await receive(here))["id"] for _ in ids} == set(ids)
            assert {(await receive(there))["id"] for _ in ids} == set(ids)
            last = await one.create_jot()
            assert [(await receive(each))["id"] for each in (here, there)] == [last, last]


@pytest.mark.parametrize("owner", [None, UUID(int=7)])
async def test_relayed_message_to_one_user_reaches_only_this_user(
    configure: Callable[..., None], owner: UUID | None
) -> None:
    with valkey.server() as server:
        configure(URL=server)
        async with AsyncExitStack() as stack:
            one, other = await two_services(stack)
            one.hub.open("news")
            other.hub.open("news")
            there = await stack.enter_async_context(other.socket())
            here = await stack.enter_async_context(one.socket())
            await wait_for_relay(here, one, there)
            one.hub.send("news", "hello", to=owner)
            one.hub.send("news", "the end")
            assert (await receive(there))["data"] == ("the end" if owner else "hello")


async def test_valkey_outage_does_not_stop_messages_within_one_process(
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pubsub, "BACKOFF", (0.05,))
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as directory:
        path = Path(directory)
        configure(URL=url(path))
        async with AsyncExitStack() as stack:
            with running_in(path):
                one, other = await two_services(stack)
                here = await stack.enter_async_context(one.socket())
                there = await stack.enter_async_context(other.socket())
                await wait_for_relay(here, one, there)
            row_id = await one.create_jot()
            assert (await receive(here))["id"] == row_id
            with running_in(path):
                assert await receive(there) == {"type": "missed"}
                assert await receive(here) == {"type": "missed"}
                row_id = await one.create_jot()
                while (await receive(there)).get("id") != row_id:
                    pass
                logs = capsys.readouterr().out
    assert logs.count("websockets_relay_lost") == 2
    assert logs.count("websockets_relay_recovered") == 2


async def test_broken_valkey_connection_sends_missed_event_to_subscribers(
    configure: Callable[..., None],
) -> None:
    with valkey.server() as server:
        configure(URL=server)
        async with AsyncExitStack() as stack:
            one, other = await two_services(stack)
            here = await stack.enter_async_context(one.socket())
            there = await stack.enter_async_context(other.socket())
            await wait_for_relay(here, one, there)
            async with Redis.from_url(server) as client:
                await client.publish(f"websockets:{one.app.title}:0", "nonsense")
                await client.client_kill_filter(_type="pubsub")
            assert await receive(there) == {"type": "missed"}
            assert await receive(here) == {"type": "missed"}
            await wait_for_relay(here, one, there)


def test_installed_uvicorn_version_is_supported() -> None:
    installed = ".".join(version("uvicorn").split(".")[:2])
    assert installed == UVICORN, (
        f"app/websockets/uvicorn_protocol.py extends a private module of uvicorn {UVICORN}, but "
        f"{installed} is installed. Check `WebSocketsSansIOProtocol`: `on_task_complete`, `send`, "
        "`writable`, `close_sent`, `handshake_complete`, `conn.debug`; run all tests "
        "of this module; then set `UVICORN`."
    )


async def test_websocket_tokens_are_not_logged(
    service: WebSocketService, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "uvicorn.error"):
        async with service.socket(additional_headers={"Authorization": "Bearer s3cr3t"}) as socket:
            await service.create_jot()
            await receive(socket)
    assert "accepted" in caplog.text
    assert "s3cr3t" not in caplog.text


def memory_of(process: int) -> int:
    """Return the resident memory of a process in KiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


@pytest.mark.drill
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
async def test_thousand_websocket_connections_use_limited_memory(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "WEBSOCKETS_CALLER_LIMIT": str(CONNECTIONS)}
    quiet = {"LOG_LEVEL": "error"}  # a full, unread pipe blocks the service
    async with running("tests.support.websocket_service", **environment, **quiet) as (
        process,
        client,
    ):
        service = WebSocketService(FastAPI(), client)
        async with AsyncExitStack() as stack:
            warm = await stack.enter_async_context(service.socket())
            await service.create_jot()
            await receive(warm)
            before = memory_of(process.pid)
            sockets = [
                await stack.enter_async_context(service.socket()) for _ in range(CONNECTIONS - 1)
            ]
            row_id = await service.create_jot()
            ids = {(await receive(socket))["id"] for socket in (warm, *sockets)}
            each = (memory_of(process.pid) - before) / len(sockets)
    assert ids == {row_id}
    assert each <= MAX_MEMORY, f"{each:.1f} KiB per connection"


@pytest.mark.drill
async def test_shutdown_on_sigterm_does_not_wait_for_subscribers(database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "DRAIN_SECONDS": "0", "LOG_LEVEL": "error"}
    async with running("tests.support.websocket_service", **environment) as (process, client):
        service = WebSocketService(FastAPI(), client)
        async with (
            service.socket() as socket,
            service.socket() as blocked,
            service.stream() as events,
        ):
            await next_event(events)
            blocked.transport.pause_reading()
            process.send_signal(signal.SIGTERM)
            assert await close_code(socket) == 1012
            assert "1012" in (await next_event(events))["data"]
            logged, errors = await output(process)
            blocked.transport.abort()
    assert (logged, errors, process.returncode) == (b"", b"", -signal.SIGTERM)
