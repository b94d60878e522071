"""Tests of the job broker on a real Valkey: delivery, lost messages, outages."""

from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi import APIRouter, FastAPI

from app.database import Session
from app.jobs import enqueue, setup, worker
from app.jobs.broker import Broker, BrokerSettings, connect
from app.main import create_app
from app.models.base import uuid7
from app.settings import ConfigurationError, read
from app.valkey import parse_url
from development.memory import shared_memory
from development.valkey import running_in, url
from tests.support import sample_tasks, valkey
from tests.support.live_server import calling, lifespan, serving
from tests.support.sample_tasks import (
    WRITE,
    SampleArguments,
    count_written,
    receive,
    wait_until_written,
)
from tests.support.timeouts import wait_until

JOBS = 20

router = APIRouter()


@router.post("/sample-jobs", status_code=202)
async def create_sample_job(session: Session) -> None:
    enqueue(session, WRITE, SampleArguments())


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Run a Valkey server; return its URL."""
    with valkey.server() as address:
        yield address


@pytest.fixture
def directory() -> Generator[Path, None, None]:
    """Create a data directory for a Valkey server that the test restarts."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as path:
        yield Path(path)


@pytest.fixture(autouse=True)
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """Set a unique queue name for the test; return it."""
    unique = str(uuid7())
    monkeypatch.setattr(setup, "connect", lambda _: connect(unique))
    return unique


@pytest.fixture
def broker(server: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Return a broker that is connected to the Valkey server."""
    monkeypatch.setenv("TASKS_URL", server)
    connected = connect(name)
    assert connected is not None
    return connected


@pytest.fixture
def no_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable polling, so that workers run only jobs that the broker delivers."""
    monkeypatch.setattr(worker, "POLL_INTERVAL", 3600)
    monkeypatch.setattr(worker, "POLL_INTERVAL_ALONE", 3600)


def make_app() -> FastAPI:
    """Create the service with sample tasks, and a route that enqueues them."""
    app = create_app()
    app.include_router(router)
    app.state.tasks |= sample_tasks.TASKS
    app.state.timetable.entries.clear()
    return app


@asynccontextmanager
async def working(number: int = 1) -> AsyncGenerator[None, None]:
    """Run workers, each with its own application, as separate processes do."""
    async with AsyncExitStack() as stack:
        for _ in range(number):
            app = make_app()
            await stack.enter_async_context(lifespan(app))
            await stack.enter_async_context(app.state.worker.working(app.state.broker))
        yield


async def test_broker_delivers_each_message_once_in_order(broker: Broker) -> None:
    sent = [uuid7() for _ in range(JOBS)]
    for job_id in sent:
        await broker.send(job_id)  # before any consumer
    assert await receive(broker, JOBS) == sent
    await broker.send(last := uuid7())
    assert await receive(broker, 1) == [last]
    await broker.close()


async def test_broker_message_starts_job_without_polling(
    server: str, database_url: str, monkeypatch: pytest.MonkeyPatch, no_polling: None
) -> None:
    _ = database_url, no_polling
    monkeypatch.setenv("TASKS_URL", server)
    app = make_app()
    async with working(2), serving(app) as port, calling(port) as client:
        for _ in range(JOBS):
            assert (await client.post("/sample-jobs")).status_code == 202
        await wait_until_written(app.state.sessions, JOBS)
        assert await count_written(app.state.sessions) == JOBS


async def test_service_in_development_runs_jobs_that_it_enqueues(
    server: str, database_url: str, monkeypatch: pytest.MonkeyPatch, no_polling: None
) -> None:
    _ = database_url, no_polling
    monkeypatch.setenv("TASKS_URL", server)
    monkeypatch.setenv("ENVIRONMENT", "development")
    app = make_app()
    async with serving(app) as port, calling(port) as client:
        for _ in range(JOBS):
            assert (await client.post("/sample-jobs")).status_code == 202
        await wait_until_written(app.state.sessions, JOBS)


async def test_polling_finds_jobs_with_lost_broker_message(
    server: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("TASKS_URL", server)
    monkeypatch.setattr(worker, "POLL_INTERVAL", 0.1)
    async with sample_tasks.open_sessions() as sessions, working():
        for number in range(5):
            await sample_tasks.enqueue_job(sessions)  # sessions without a notifier
            await wait_until_written(sessions, number + 1)


async def test_jobs_are_run_during_broker_outage(
    directory: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _ = database_url
    monkeypatch.setenv("TASKS_URL", url(directory))
    monkeypatch.setattr(worker, "RECONNECT_DELAY", 0.1)
    monkeypatch.setattr(worker, "POLL_INTERVAL", 0.2)
    app = make_app()
    async with serving(app) as port, calling(port) as client, working():
        for number, is_available in enumerate([True, False, True, False]):
            with running_in(directory) if is_available else nullcontext():
                assert (await client.post("/sample-jobs")).status_code == 202
                await wait_until_written(app.state.sessions, number + 1)
        logged = list[str]()

        def are_logged(*events: str) -> bool:
            logged.append(capsys.readouterr().out)
            return all(event in "".join(logged) for event in events)

        await wait_until(lambda: are_logged("job_notification_failed", "broker_unavailable"))


async def test_worker_reconnects_to_restarted_broker(
    directory: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, no_polling: None
) -> None:
    _ = database_url, no_polling
    monkeypatch.setenv("TASKS_URL", url(directory))
    monkeypatch.setattr(worker, "RECONNECT_DELAY", 0.1)
    app = make_app()
    async with serving(app) as port, calling(port) as client, AsyncExitStack() as stack:
        with running_in(directory):
            await stack.enter_async_context(working())
            await client.post("/sample-jobs")
            await wait_until_written(app.state.sessions, 1)
        with running_in(directory):
            await client.post("/sample-jobs")
            await wait_until_written(app.state.sessions, 2)


async def test_broker_error_does_not_contain_password() -> None:
    unavailable = Broker(parse_url("redis://user:hunter2@127.0.0.1:9"), "service")
    with pytest.raises(ConnectionError) as caught:
        await unavailable.send(uuid7())
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "nonsense", "amqp://user:hunter2@localhost"])
def test_production_without_valid_broker_url_is_rejected(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    if value:
        monkeypatch.setenv("TASKS_URL", value)
    with pytest.raises(ConfigurationError, match="^TASKS_URL: ") as caught:
        read(BrokerSettings)
    assert "hunter2" not in str(caught.value)


def test_broker_is_optional_outside_production() -> None:
    assert connect("service") is None
