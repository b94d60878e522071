"""What only Celery does: its own programs and tools know the service's workers."""

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import AsyncGenerator, Generator
from socket import gethostname
from typing import Any

import pytest
from celery import Celery
from celery.backends.base import DisabledBackend

from app.jobs.brokers.celery import Broker, celery_app, consumer, producer
from app.jobs.brokers.celery.celery_app import LOST, JobsApp
from app.models.base import uuid7
from app.valkey import parse_url
from tests.support import valkey
from tests.support.sample_tasks import busy, heard
from tests.support.timeouts import DEADLINE


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Name a Valkey."""
    with valkey.server() as found:
        yield found


@pytest.fixture
async def broker(server: str) -> AsyncGenerator[Broker, None]:
    """Reach that Valkey, for a service of the test's own."""
    found = Broker(parse_url(server), str(uuid7()))
    yield found
    await found.close()


@pytest.fixture
def team(server: str) -> Generator[Celery, None, None]:
    """Make another program, which knows no more than where Valkey is."""
    where = celery_app.broker_url(parse_url(server))
    with Celery(broker=where, set_as_current=False, changes={"broker_pool_limit": 0}) as found:
        yield found


def send(team: Celery, broker: Broker, *told: object, task: str = "job") -> None:
    """Send what any program can."""
    team.send_task(task, told, queue=f"jobs:{broker.name}", retry=False)


async def test_other_programs_tell_of_jobs(broker: Broker, team: Celery) -> None:
    job_id = uuid7()
    await asyncio.to_thread(send, team, broker, str(job_id))
    assert await heard(broker, 1) == [job_id]


async def test_nonsense_stops_nobody(broker: Broker, team: Celery) -> None:
    for told in ([], [7], ["nonsense"], [str(uuid7()), "more"]):
        await asyncio.to_thread(send, team, broker, *told)
    await asyncio.to_thread(send, team, broker, str(uuid7()), task="unknown")
    await broker.send(job_id := uuid7())
    assert await heard(broker, 1) == [job_id]


async def test_its_tools_see_a_worker_and_what_it_waits_for(broker: Broker, team: Celery) -> None:
    async with busy(broker) as job_id:
        own = f"{broker.name}-{os.getpid()}@{gethostname()}"  # others have workers here, too
        inspect = team.control.inspect([own], timeout=DEADLINE, limit=1)
        pong = await asyncio.to_thread(inspect.ping)
        assert pong
        active = await asyncio.to_thread(inspect.active)
        assert active
    ((name, waiting),) = active.items()
    assert (name, pong) == (own, {own: {"ok": "pong"}})
    assert [(each["name"], each["args"]) for each in waiting] == [("job", [str(job_id)])]


async def test_a_worker_that_stops_gives_back_what_it_has_not_begun(broker: Broker) -> None:
    async with busy(broker) as job_id:
        pass
    assert await heard(broker, 1) == [job_id]


async def test_what_one_worker_has_no_hand_for_is_told_to_another(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_app, "IDLE", 0.2)
    monkeypatch.setattr(celery_app, "LOOK", 0.2)
    async with busy(broker) as job_id:
        assert await heard(broker, 1) == [job_id]


async def test_what_other_programs_have_not_confirmed_is_kept_apart(
    broker: Broker, team: Celery
) -> None:
    with team.connection_for_read() as connection:
        asked: Any = connection.default_channel
        before = asked.client.hgetall("unacked")
        async with busy(broker):
            assert asked.client.hlen(f"jobs:{broker.name}:unacked") == 1
            assert asked.client.hgetall("unacked") == before


async def test_messages_do_not_pile_up(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "KEPT", 3)
    sent = [uuid7() for _ in range(5)]
    for job_id in sent:
        await broker.send(job_id)
    assert await heard(broker, 3) == sent[2:]


async def test_a_worker_ends_with_its_threads_and_begins_anew(broker: Broker) -> None:
    await broker.send(uuid7())
    before = set(threading.enumerate())
    for _ in range(3):
        async with busy(broker):
            assert set(threading.enumerate()) > before
        assert set(threading.enumerate()) == before
        await heard(broker, 1)


async def test_where_other_programs_go_is_nothing_to_the_service(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("", "READ_", "WRITE_"):
        monkeypatch.setenv(f"CELERY_BROKER_{kind}URL", "redis://127.0.0.1:9")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://127.0.0.1:9")
    assert isinstance(JobsApp(broker.url, broker.name, 1.0).backend, DisabledBackend)
    await broker.send(job_id := uuid7())
    assert await heard(broker, 1) == [job_id]


def test_what_fails_as_valkey_goes_is_not_tried_again(server: str) -> None:
    made = JobsApp(parse_url(server), "service", 1.0)
    outcomes = iter([ConnectionResetError()])

    def publish() -> None:
        for error in outcomes:
            raise error

    with made.connection_for_write() as connection, pytest.raises(LOST):
        connection.ensure(made.amqp.Producer(connection), publish)()


async def test_no_password_is_logged(
    server: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for logger in consumer.LEVELS:
        monkeypatch.setitem(consumer.LEVELS, logger, logging.DEBUG)
    reached = parse_url(server).set(username="default", password="hunter2")
    broker = Broker(reached, str(uuid7()))
    await broker.send(uuid7())
    await heard(broker, 1)
    await broker.close()
    away = Broker(parse_url("redis://user:hunter2@127.0.0.1:9"), "nobody")
    with pytest.raises(ConnectionError):
        await away.receive(lambda _: asyncio.sleep(0))
    assert "Connected to" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("redis://host", "redis://host"),
        ("valkey://user:p%40ss@host:7000/2", "redis://user:p%40ss@host:7000/2"),
        ("redis://host?db=3&protocol=2", "redis://host/3"),
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("valkeys://host", "rediss://host?ssl_cert_reqs=required"),
        ("rediss://host?ssl_ca_certs=ca.pem", "?ssl_ca_certs=ca.pem&ssl_cert_reqs=required"),
    ],
)
def test_an_address_is_written_as_celery_has_it(given: str, known: str) -> None:
    assert celery_app.broker_url(parse_url(given)).endswith(known)


@pytest.mark.parametrize(
    ("given", "checked"), [("", ssl.CERT_REQUIRED), ("?ssl_cert_reqs=none", ssl.CERT_NONE)]
)
def test_a_certificate_is_checked(given: str, checked: ssl.VerifyMode) -> None:
    made = JobsApp(parse_url(f"rediss://host{given}"), "service", 1.0)
    for connection in (made.connection_for_read(), made.connection_for_write()):
        assert connection.ssl == {"ssl_cert_reqs": checked}
