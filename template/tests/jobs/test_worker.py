"""The worker: it does what it finds, so many at once, and loses nothing when it stops."""

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
from tests.support.sample_tasks import WRITE, Errand, asked, kept, service, until, written
from tests.support.timeouts import DEADLINE, PROCESS_DEADLINE, wait_until

HANDS = 4


@pytest.fixture
async def sessions(database_url: str) -> AsyncGenerator[Sessions, None]:
    """Open sessions on a database of the test's own."""
    _ = database_url
    async with sample_tasks.opened() as found:
        yield found


@pytest.fixture
def app(sessions: Sessions) -> FastAPI:
    """Make as much of a service as jobs need."""
    return service(sessions)


@pytest.fixture
def server() -> Generator[str, None, None]:
    """Name a Valkey."""
    with valkey.server() as found:
        yield found


def made(app: FastAPI, grace: float = DEADLINE) -> Worker:
    """Make a worker."""
    return Worker(app, HANDS, grace)


async def test_what_is_there_is_done(app: FastAPI, sessions: Sessions) -> None:
    jobs = [await asked(sessions) for _ in range(3 * HANDS)]
    async with made(app).working():
        await until(sessions, len(jobs))
    for job in jobs:
        assert (await kept(sessions, job)).state is JobState.DONE


async def test_what_comes_later_is_found_too(app: FastAPI, sessions: Sessions) -> None:
    async with made(app).working():
        for number in range(2):
            await asked(sessions)
            await until(sessions, number + 1)


async def test_who_is_woken_looks_at_once(
    app: FastAPI, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LOOK_ALONE", 3600)
    woken = made(app)
    async with woken.working():
        for number in range(5):
            woken.wake((await asked(sessions)).id)
            await until(sessions, number + 1)


async def test_no_more_are_done_at_once_than_there_are_hands(
    app: FastAPI, sessions: Sessions
) -> None:
    for _ in range(2 * HANDS):
        await asked(sessions, seconds=3600)
    busy = made(app, grace=0.05)
    async with busy.working():
        await wait_until(lambda: len(busy.running) >= HANDS)
        await asyncio.sleep(0.5)  # in which it could begin another
        assert len(busy.running) == HANDS


async def test_what_is_begun_is_finished(app: FastAPI, sessions: Sessions) -> None:
    job = await asked(sessions, seconds=0.3)
    stopped = made(app)
    async with stopped.working():
        await wait_until(lambda: stopped.running)
    assert (await kept(sessions, job)).state is JobState.DONE


async def test_what_would_take_too_long_is_given_back(app: FastAPI, sessions: Sessions) -> None:
    job = await asked(sessions, seconds=3600)
    stopped = made(app, grace=0.05)
    async with stopped.working():
        await wait_until(lambda: stopped.running)
    found = await kept(sessions, job)
    assert (found.state, found.attempts) == (JobState.WAITING, 0)


async def test_periodic_jobs_are_done(app: FastAPI, sessions: Sessions) -> None:
    app.state.timetable = Scheduler([Periodic(WRITE, Errand(), Every(timedelta(seconds=1)))])
    async with made(app).working():
        await until(sessions, 2)


async def test_who_works_already_is_left_at_it(app: FastAPI, sessions: Sessions) -> None:
    found = made(app)
    async with found.working():
        async with found.working():
            pass
        await asked(sessions)
        found.wake(uuid7())
        await until(sessions, 1)


async def test_development_does_its_jobs_itself(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("ENVIRONMENT", "development")
    made = create_app()
    made.state.tasks |= sample_tasks.TASKS
    async with lifespan(made):
        await asked(made.state.sessions)
        await until(made.state.sessions, 1)


@asynccontextmanager
async def process(**environment: str) -> AsyncGenerator[Process, None]:
    """Run a worker in a process of its own, until it is ready."""
    command = (sys.executable, "-m", "tests.support.sample_tasks", "worker")
    variables = {**os.environ, **environment}
    async with spawned(*command, env=variables, stdout=PIPE, stderr=PIPE) as made:
        await asyncio.wait_for(says(made, "the worker is ready"), PROCESS_DEADLINE)
        yield made


async def says(made: Process, event: str) -> None:
    """Wait until a process says something."""
    assert made.stdout is not None
    async for line in made.stdout:
        if json.loads(line)["event"] == event:
            return
    raise EOFError((await made.communicate())[1].decode())


async def begun(sessions: Sessions, *jobs: Job) -> None:
    """Wait until a worker is at one of some jobs."""
    async with asyncio.timeout(DEADLINE):
        while JobState.RUNNING not in {(await kept(sessions, job)).state for job in jobs}:
            await asyncio.sleep(0.02)


@pytest.mark.drill
async def test_a_worker_that_is_told_to_stop_finishes_or_gives_back(
    sessions: Sessions, server: str
) -> None:
    short, long = await asked(sessions, seconds=1), await asked(sessions, seconds=3600)
    async with process(TASKS_GRACE_SECONDS="15", TASKS_URL=server) as stopped:
        await begun(sessions, long)  # after the other
        stopped.send_signal(signal.SIGTERM)
        _, errors = await output(stopped)
    assert (stopped.returncode, errors) == (0, b"")
    assert (await kept(sessions, short)).state is JobState.DONE
    assert (await kept(sessions, long)).state is JobState.WAITING


@pytest.mark.drill
async def test_of_a_worker_that_is_killed_no_job_is_lost_and_none_is_done_twice(
    sessions: Sessions, server: str
) -> None:
    known = {"ERRANDS_LEASE": "5", "TASKS_URL": server}
    jobs = [await asked(sessions, seconds=1) for _ in range(30)]
    async with process(**known) as killed:
        await begun(sessions, *jobs)
        killed.kill()
        await killed.communicate()
    assert {(await kept(sessions, job)).state for job in jobs} >= {JobState.RUNNING}
    async with process(**known), process(**known):
        await until(sessions, len(jobs))
    assert {(await kept(sessions, job)).state for job in jobs} == {JobState.DONE}
    assert await written(sessions) == len(jobs)
