"""Tests of the Celery broker: other Celery apps and tools, redelivery, shutdown, TLS."""

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import AsyncGenerator, Generator
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
import trustme
from celery import Celery
from celery.backends.base import DisabledBackend

from app.jobs.brokers.celery import Broker, celery_app, consumer, producer
from app.jobs.brokers.celery.celery_app import BROKER_ERRORS, JobsApp
from app.models.base import uuid7
from app.valkey import parse_url
from tests.support import valkey
from tests.support.sample_tasks import busy_worker, receive
from tests.support.timeouts import DEADLINE


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Run a Valkey server; return its URL."""
    with valkey.server() as address:
        yield address


@pytest.fixture
async def broker(server: str) -> AsyncGenerator[Broker, None]:
    """Return a broker with a unique queue on the Valkey server."""
    connected = Broker(parse_url(server), str(uuid7()))
    yield connected
    await connected.close()


@pytest.fixture
def other_app(server: str) -> Generator[Celery, None, None]:
    """Create a Celery app outside the service that knows only the broker's URL."""
    address = celery_app.broker_url(parse_url(server))
    with Celery(broker=address, set_as_current=False, changes={"broker_pool_limit": 0}) as app:
        yield app


def send(other_app: Celery, broker: Broker, *arguments: object, task: str = "job") -> None:
    """Send a message from another Celery app to the queue of the broker."""
    other_app.send_task(task, arguments, queue=f"jobs:{broker.name}", retry=False)


async def test_message_from_other_celery_app_is_received(broker: Broker, other_app: Celery) -> None:
    job_id = uuid7()
    await asyncio.to_thread(send, other_app, broker, str(job_id))
    assert await receive(broker, 1) == [job_id]


async def test_malformed_celery_messages_are_skipped(broker: Broker, other_app: Celery) -> None:
    for arguments in ([], [7], ["nonsense"], [str(uuid7()), "more"]):
        await asyncio.to_thread(send, other_app, broker, *arguments)
    await asyncio.to_thread(send, other_app, broker, str(uuid7()), task="unknown")
    await broker.send(job_id := uuid7())
    assert await receive(broker, 1) == [job_id]


async def test_celery_inspect_shows_worker_and_job(broker: Broker, other_app: Celery) -> None:
    async with busy_worker(broker) as job_id:
        node = f"{broker.name}-{os.getpid()}@{gethostname()}"  # of other tests, too
        inspect = other_app.control.inspect([node], timeout=DEADLINE, limit=1)
        pong = await asyncio.to_thread(inspect.ping)
        assert pong
        active = await asyncio.to_thread(inspect.active)
        assert active
    ((name, waiting),) = active.items()
    assert name == node
    assert pong == {node: {"ok": "pong"}}
    assert [(each["name"], each["args"]) for each in waiting] == [("job", [str(job_id)])]


async def test_stopped_worker_returns_unstarted_job_to_queue(broker: Broker) -> None:
    async with busy_worker(broker) as job_id:
        pass
    assert await receive(broker, 1) == [job_id]


async def test_unacknowledged_message_is_redelivered(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_app, "VISIBILITY_TIMEOUT", 0.2)
    monkeypatch.setattr(celery_app, "RESTORE_INTERVAL", 0.2)
    async with busy_worker(broker) as job_id:
        assert await receive(broker, 1) == [job_id]


async def test_each_queue_has_key_for_unacknowledged_messages(
    broker: Broker, other_app: Celery
) -> None:
    with other_app.connection_for_read() as connection:
        channel: Any = connection.default_channel
        before = channel.client.hgetall("unacked")
        async with busy_worker(broker):
            assert channel.client.hlen(f"jobs:{broker.name}:unacked") == 1
            assert channel.client.hgetall("unacked") == before


async def test_broker_queue_is_trimmed_to_newest_messages(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "MAX_MESSAGES", 3)
    sent = [uuid7() for _ in range(5)]
    for job_id in sent:
        await broker.send(job_id)
    assert await receive(broker, 3) == sent[2:]


async def test_celery_threads_stop_and_restart_with_worker(broker: Broker) -> None:
    await broker.send(uuid7())
    before = set(threading.enumerate())
    for _ in range(3):
        async with busy_worker(broker):
            assert set(threading.enumerate()) > before
        assert set(threading.enumerate()) == before
        await receive(broker, 1)


async def test_broker_ignores_celery_environment_variables(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("", "READ_", "WRITE_"):
        monkeypatch.setenv(f"CELERY_BROKER_{kind}URL", "redis://127.0.0.1:9")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://127.0.0.1:9")
    assert isinstance(JobsApp(broker.url, broker.name, 1.0).backend, DisabledBackend)
    await broker.send(job_id := uuid7())
    assert await receive(broker, 1) == [job_id]


def test_publish_after_connection_loss_is_not_retried(server: str) -> None:
    jobs_app = JobsApp(parse_url(server), "service", 1.0)
    outcomes = iter([ConnectionResetError()])

    def publish() -> None:
        for error in outcomes:
            raise error

    with jobs_app.connection_for_write() as connection, pytest.raises(BROKER_ERRORS):
        connection.ensure(jobs_app.amqp.Producer(connection), publish)()


async def test_broker_password_is_not_logged(
    server: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for logger in consumer.LOG_LEVELS:
        monkeypatch.setitem(consumer.LOG_LEVELS, logger, logging.DEBUG)
    address = parse_url(server).set(username="default", password="hunter2")
    broker = Broker(address, str(uuid7()))
    await broker.send(uuid7())
    await receive(broker, 1)
    await broker.close()
    unavailable = Broker(parse_url("redis://user:hunter2@127.0.0.1:9"), "service")
    with pytest.raises(ConnectionError):
        await unavailable.receive(lambda _: asyncio.sleep(0))
    assert "Connected to" in caplog.text
    assert "hunter2" not in caplog.text


def test_installed_celery_version_is_supported() -> None:
    message = (
        "Re-check what `celery_app.py` and `consumer.py` override: `Connection.ensure`, "
        "`AMQP.Connection`, `WorkController.start`, `Consumer.start`, `TaskPool.executor`."
    )
    assert version("celery").startswith("5.7."), message
    assert version("kombu").startswith("5.7."), message


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", "redis://host"),
        ("valkey://user:p%40ss@host:7000/2", "redis://user:p%40ss@host:7000/2"),
        ("redis://host?db=3&protocol=2", "redis://host/3"),
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("valkeys://host", "rediss://host?ssl_cert_reqs=required"),
        ("rediss://host?ssl_ca_certs=ca.pem", "?ssl_ca_certs=ca.pem&ssl_cert_reqs=required"),
    ],
)
def test_broker_url_is_converted_to_celery_notation(
    url: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path("ca.pem")
    assert celery_app.broker_url(parse_url(url)).endswith(expected)


@pytest.mark.parametrize(
    ("query", "verification"), [("", ssl.CERT_REQUIRED), ("?ssl_cert_reqs=none", ssl.CERT_NONE)]
)
def test_broker_tls_certificate_is_verified(query: str, verification: ssl.VerifyMode) -> None:
    jobs_app = JobsApp(parse_url(f"rediss://host{query}"), "service", 1.0)
    for connection in (jobs_app.connection_for_read(), jobs_app.connection_for_write()):
        assert connection.ssl == {"ssl_cert_reqs": verification}
