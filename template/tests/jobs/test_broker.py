"""The broker, on a real Valkey: workers are told at once, and whatever it loses is found."""

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
from tests.support.sample_tasks import WRITE, Errand, heard, until, written
from tests.support.timeouts import wait_until

JOBS = 20

router = APIRouter()


@router.post("/errands", status_code=202)
async def run_errand(session: Session) -> None:
    enqueue(session, WRITE, Errand())


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    """Name a Valkey."""
    with valkey.server() as found:
        yield found


@pytest.fixture
def place() -> Generator[Path, None, None]:
    """Give a Valkey of one test a place, at which it can end and come back."""
    with TemporaryDirectory(prefix="app-", dir=shared_memory()) as found:
        yield Path(found)


@pytest.fixture(autouse=True)
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """Have each test's workers be told under a name of their own."""
    own = str(uuid7())
    monkeypatch.setattr(setup, "connect", lambda _: connect(own))
    return own


@pytest.fixture
def broker(server: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Reach that Valkey."""
    monkeypatch.setenv("TASKS_URL", server)
    found = connect(name)
    assert found is not None
    return found


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers look for nothing that they are not told of."""
    monkeypatch.setattr(worker, "LOOK", 3600)
    monkeypatch.setattr(worker, "LOOK_ALONE", 3600)


def made() -> FastAPI:
    """Build the service, with errands to run."""
    app = create_app()
    app.include_router(router)
    app.state.tasks |= sample_tasks.TASKS
    app.state.timetable.entries.clear()
    return app


@asynccontextmanager
async def working(number: int = 1) -> AsyncGenerator[None, None]:
    """Run workers, each with parts of its own, as in a process of its own."""
    async with AsyncExitStack() as stack:
        for _ in range(number):
            app = made()
            await stack.enter_async_context(lifespan(app))
            await stack.enter_async_context(app.state.worker.working(app.state.broker))
        yield


async def test_each_message_is_heard_once_in_its_order(broker: Broker) -> None:
    sent = [uuid7() for _ in range(JOBS)]
    for job_id in sent:
        await broker.send(job_id)  # before anybody listens
    assert await heard(broker, JOBS) == sent
    await broker.send(last := uuid7())
    assert await heard(broker, 1) == [last]
    await broker.close()


async def test_what_is_asked_for_is_done_at_once(
    server: str, database_url: str, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    _ = database_url, patient
    monkeypatch.setenv("TASKS_URL", server)
    app = made()
    async with working(2), serving(app) as port, calling(port) as client:
        for _ in range(JOBS):
            assert (await client.post("/errands")).status_code == 202
        await until(app.state.sessions, JOBS)
        assert await written(app.state.sessions) == JOBS


async def test_in_development_the_service_is_told_of_its_own_jobs(
    server: str, database_url: str, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    _ = database_url, patient
    monkeypatch.setenv("TASKS_URL", server)
    monkeypatch.setenv("ENVIRONMENT", "development")
    app = made()
    async with serving(app) as port, calling(port) as client:
        for _ in range(JOBS):
            assert (await client.post("/errands")).status_code == 202
        await until(app.state.sessions, JOBS)


async def test_a_message_that_is_lost_is_no_loss(
    server: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("TASKS_URL", server)
    monkeypatch.setattr(worker, "LOOK", 0.1)
    async with sample_tasks.opened() as sessions, working():
        for number in range(5):
            await sample_tasks.asked(sessions)  # by sessions that tell nobody
            await until(sessions, number + 1)


async def test_while_valkey_is_away_jobs_are_accepted_and_done(
    place: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _ = database_url
    monkeypatch.setenv("TASKS_URL", url(place))
    monkeypatch.setattr(worker, "AGAIN", 0.1)
    monkeypatch.setattr(worker, "LOOK", 0.2)
    app = made()
    async with serving(app) as port, calling(port) as client, working():
        for number, is_there in enumerate([True, False, True, False]):
            with running_in(place) if is_there else nullcontext():
                assert (await client.post("/errands")).status_code == 202
                await until(app.state.sessions, number + 1)
        logged = list[str]()

        def are_logged(*events: str) -> bool:
            logged.append(capsys.readouterr().out)
            return all(event in "".join(logged) for event in events)

        await wait_until(lambda: are_logged("workers are not told of jobs", "the broker is away"))


async def test_a_valkey_that_comes_back_empty_tells_workers_again(
    place: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    _ = database_url, patient
    monkeypatch.setenv("TASKS_URL", url(place))
    monkeypatch.setattr(worker, "AGAIN", 0.1)
    app = made()
    async with serving(app) as port, calling(port) as client, AsyncExitStack() as stack:
        with running_in(place):
            await stack.enter_async_context(working())
            await client.post("/errands")
            await until(app.state.sessions, 1)
        with running_in(place):
            await client.post("/errands")
            await until(app.state.sessions, 2)


async def test_a_valkey_that_is_away_is_told_without_its_password() -> None:
    away = Broker(parse_url("redis://user:hunter2@127.0.0.1:9"), "nobody")
    with pytest.raises(ConnectionError) as told:
        await away.send(uuid7())
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize("given", ["", "nonsense", "amqp://user:hunter2@localhost"])
def test_production_says_where_workers_are_told(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    if given:
        monkeypatch.setenv("TASKS_URL", given)
    with pytest.raises(ConfigurationError, match="^TASKS_URL: ") as refused:
        read(BrokerSettings)
    assert "hunter2" not in str(refused.value)


def test_elsewhere_nobody_need_be_told() -> None:
    assert connect("service") is None
