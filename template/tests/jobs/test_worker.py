"""Tests of the worker: polling, concurrency, graceful shutdown, crash recovery."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from fastapi import FastAPI

from app import checks
from app.enums.job import JobState
from app.jobs import Every, Periodic, worker
from app.jobs.schedule import Scheduler
from app.jobs.store import Sessions
from app.jobs.worker import Worker
from app.main import create_app
from app.models.base import uuid7
from app.models.job import Job
from tests.support import sample_tasks, valkey
from tests.support.live_server import lifespan, output, spawned
from tests.support.sample_tasks import (
    WRITE,
    SampleArguments,
    count_written,
    enqueue_job,
    minimal_app,
    read_job,
    wait_until_written,
)
from tests.support.timeouts import DEADLINE, PROCESS_DEADLINE, wait_until

pytestmark = pytest.mark.usefixtures("json_logs")

CONCURRENCY = 4


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Return a session factory for a database of this test."""
    _ = database_url
    async with sample_tasks.open_sessions() as factory:
        yield factory


@pytest.fixture
def app(sessions: Sessions) -> FastAPI:
    """Create an application that has only the state that jobs need."""
    return minimal_app(sessions)


@pytest.fixture
def server() -> Generator[str, None, None]:
    """Run a Valkey server; return its URL."""
    with valkey.server() as address:
        yield address


def make_worker(app: FastAPI, grace: float = DEADLINE) -> Worker:
    return Worker(app, CONCURRENCY, grace)


async def test_worker_runs_all_waiting_jobs(app: FastAPI, sessions: Sessions) -> None:
    jobs = [await enqueue_job(sessions) for _ in range(3 * CONCURRENCY)]
    async with make_worker(app).working():
        await wait_until_written(sessions, len(jobs))
    for job in jobs:
        assert (await read_job(sessions, job)).state is JobState.DONE


async def test_worker_polls_jobs_enqueued_after_its_start(app: FastAPI, sessions: Sessions) -> None:
    async with make_worker(app).working():
        for number in range(2):
            await enqueue_job(sessions)
            await wait_until_written(sessions, number + 1)


async def test_woken_worker_polls_at_once(
    app: FastAPI, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "POLL_INTERVAL_ALONE", 3600)
    woken = make_worker(app)
    async with woken.working():
        for number in range(5):
            woken.wake((await enqueue_job(sessions)).id)
            await wait_until_written(sessions, number + 1)


async def test_worker_runs_limited_number_of_jobs_concurrently(
    app: FastAPI, sessions: Sessions
) -> None:
    for _ in range(2 * CONCURRENCY):
        await enqueue_job(sessions, seconds=3600)
    busy = make_worker(app, grace=0.05)
    async with busy.working():
        await wait_until(lambda: len(busy.running) >= CONCURRENCY)
        await asyncio.sleep(0.5)  # in which it could start another
        assert len(busy.running) == CONCURRENCY


async def test_worker_finishes_running_job_at_shutdown(app: FastAPI, sessions: Sessions) -> None:
    job = await enqueue_job(sessions, seconds=0.3)
    stopped = make_worker(app)
    async with stopped.working():
        await wait_until(lambda: stopped.running)
    assert (await read_job(sessions, job)).state is JobState.DONE


async def test_worker_releases_job_that_exceeds_grace_period(
    app: FastAPI, sessions: Sessions
) -> None:
    job = await enqueue_job(sessions, seconds=3600)
    stopped = make_worker(app, grace=0.05)
    async with stopped.working():
        await wait_until(lambda: stopped.running)
    released = await read_job(sessions, job)
    assert (released.state, released.attempts) == (JobState.WAITING, 0)


async def test_worker_runs_periodic_task_repeatedly(app: FastAPI, sessions: Sessions) -> None:
    app.state.timetable = Scheduler(
        [Periodic(WRITE, SampleArguments(), Every(timedelta(seconds=1)))]
    )
    async with make_worker(app).working():
        await wait_until_written(sessions, 2)


async def test_second_working_context_does_not_stop_worker(
    app: FastAPI, sessions: Sessions
) -> None:
    running = make_worker(app)
    async with running.working():
        async with running.working():
            pass
        await enqueue_job(sessions)
        running.wake(uuid7())
        await wait_until_written(sessions, 1)


async def test_service_in_development_runs_its_own_jobs(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("ENVIRONMENT", "development")
    app = create_app()
    app.state.tasks |= sample_tasks.TASKS
    async with lifespan(app):
        await enqueue_job(app.state.sessions)
        await wait_until_written(app.state.sessions, 1)


@asynccontextmanager
async def process(**environment: str) -> AsyncGenerator[Process, None]:
    """Run a worker as a subprocess; wait until it is ready."""
    command = (sys.executable, "-m", "tests.support.sample_tasks", "worker")
    variables = {**os.environ, **environment}
    async with spawned(*command, env=variables, stdout=PIPE, stderr=PIPE) as worker_process:
        await asyncio.wait_for(wait_for_event(worker_process, "worker_ready"), PROCESS_DEADLINE)
        yield worker_process


async def wait_for_event(worker_process: Process, event: str) -> None:
    """Wait until the worker process logs an event."""
    assert worker_process.stdout is not None
    async for line in worker_process.stdout:
        if json.loads(line)["event"] == event:
            return
    raise EOFError((await worker_process.communicate())[1].decode())


async def wait_until_running(sessions: Sessions, *jobs: Job) -> None:
    """Wait until one of the jobs is running."""
    async with asyncio.timeout(DEADLINE):
        while JobState.RUNNING not in {(await read_job(sessions, job)).state for job in jobs}:
            await asyncio.sleep(0.02)


@pytest.mark.drill
async def test_worker_on_sigterm_finishes_or_releases_jobs(sessions: Sessions, server: str) -> None:
    short, long = await enqueue_job(sessions, seconds=1), await enqueue_job(sessions, seconds=3600)
    async with process(TASKS_GRACE_SECONDS="15", TASKS_URL=server) as stopped:
        await wait_until_running(sessions, long)  # after the other
        stopped.send_signal(signal.SIGTERM)
        _, errors = await output(stopped)
    assert (stopped.returncode, errors) == (0, b"")
    assert (await read_job(sessions, short)).state is JobState.DONE
    assert (await read_job(sessions, long)).state is JobState.WAITING


@pytest.mark.drill
async def test_killed_worker_neither_loses_nor_repeats_jobs(
    sessions: Sessions, server: str
) -> None:
    environment = {"SAMPLE_TASKS_LEASE": "5", "TASKS_URL": server}
    jobs = [await enqueue_job(sessions, seconds=1) for _ in range(30)]
    async with process(**environment) as killed:
        await wait_until_running(sessions, *jobs)
        killed.kill()
        await killed.communicate()
    assert {(await read_job(sessions, job)).state for job in jobs} >= {JobState.RUNNING}
    async with process(**environment), process(**environment):
        await wait_until_written(sessions, len(jobs))
    assert {(await read_job(sessions, job)).state for job in jobs} == {JobState.DONE}
    assert await count_written(sessions) == len(jobs)


async def test_check_command_runs_no_jobs(
    shared_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _ = shared_url
    monkeypatch.setenv("ENVIRONMENT", "development")
    monkeypatch.delattr(Worker, "working")
    assert await checks.check() == 0, capsys.readouterr().err
