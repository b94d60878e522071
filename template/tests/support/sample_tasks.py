"""Errands: sample tasks of the tests.

`python -m tests.support.sample_tasks worker` runs a worker with these tasks.

`ERRANDS_LEASE` shortens for how long, in seconds, a worker that says nothing is waited for.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import async_sessionmaker

from app import logging, main, migrate
from app.__main__ import main as run
from app.jobs import GiveUpError, Task, TaskContext, enqueue, execution, store, worker
from app.jobs.broker import Broker
from app.jobs.schedule import Scheduler
from app.jobs.store import Sessions
from app.models.base import uuid7
from app.models.job import Job
from tests.support import sample_resource
from tests.support.live_server import wait_for_pool
from tests.support.timeouts import DEADLINE, raise_timeouts


class Errand(BaseModel):
    """What a job of the tests is told: what to write, and how many seconds to take."""

    text: str = "done"
    seconds: float = 0


async def write(work: TaskContext, errand: Errand) -> dict[str, str]:
    """Write something that can be counted, and take a while."""
    await asyncio.sleep(errand.seconds)
    own = sample_resource.payload(
        title=str(uuid7()), text=errand.text
    )  # other processes count as this one
    await work.session.execute(insert(sample_resource.Jot).values(**own))
    return {"written": errand.text}


async def fail(work: TaskContext, errand: Errand) -> None:
    """Write, and fail."""
    await write(work, errand)
    raise ZeroDivisionError


async def give_up(work: TaskContext, errand: Errand) -> None:
    """Write, and give up."""
    await write(work, errand)
    raise GiveUpError


WRITE = Task("write", Errand, write)
FAIL = Task("fail", Errand, fail, attempts=2)
GIVE_UP = Task("give_up", Errand, give_up)
HURRIED = Task("hurried", Errand, write, seconds=0.05)
TASKS: dict[str, Task[Any]] = {task.name: task for task in (WRITE, FAIL, GIVE_UP, HURRIED)}


@asynccontextmanager
async def opened() -> AsyncGenerator[Sessions, None]:
    """Open sessions on the database that the environment names, on which all is committed."""
    engine = migrate.create()
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
        await wait_for_pool(engine)  # by what renewed a lease, too
    finally:
        await engine.dispose()


def service(sessions: Sessions) -> FastAPI:
    """Make as much of a service as jobs need."""
    app = FastAPI()
    logging.install(app)
    app.state.sessions, app.state.tasks, app.state.timetable = sessions, TASKS, Scheduler([])
    return app


async def asked(sessions: Sessions, task: Task[Errand] = WRITE, **more: Any) -> Job:  # noqa: ANN401
    """Ask for a job, and commit."""
    async with sessions.begin() as session:
        return enqueue(session, task, Errand(**more))


async def taken(sessions: Sessions, job: Job) -> Job:
    """Take a job, as a worker does."""
    found = await store.claim(sessions, job.id)
    assert found is not None
    return found


async def kept(sessions: Sessions, job: Job) -> Job:
    """Find what is kept of a job."""
    async with sessions() as session:
        return await session.get_one(Job, job.id)


async def written(sessions: Sessions) -> int:
    """Count what jobs have written."""
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(sample_resource.Jot)) or 0


async def work_off(app: FastAPI) -> None:
    """Do all jobs that are due, one after the other."""
    while job := await store.claim(app.state.sessions):
        await execution.execute(app, job)


async def until(sessions: Sessions, number: int) -> None:
    """Wait until jobs have written so often."""
    async with asyncio.timeout(DEADLINE):
        while await written(sessions) < number:
            await asyncio.sleep(0.02)


async def heard(broker: Broker, number: int) -> list[UUID]:
    """Listen until so much was heard."""
    found: list[UUID] = []
    enough = asyncio.Event()

    async def hear(job_id: UUID) -> None:
        found.append(job_id)
        if len(found) == number:
            enough.set()

    listening = asyncio.create_task(broker.receive(hear))
    try:
        await asyncio.wait_for(enough.wait(), DEADLINE)
    finally:
        await worker.end([listening])
    return found


@asynccontextmanager
async def busy(broker: Broker) -> AsyncGenerator[UUID, None]:
    """Have a worker that is told of a job, and has no hand for it."""
    told: asyncio.Queue[UUID] = asyncio.Queue()

    async def wait(job_id: UUID) -> None:
        told.put_nowait(job_id)
        await asyncio.Event().wait()

    await broker.send(uuid7())
    listening = asyncio.create_task(broker.receive(wait))
    try:
        yield await asyncio.wait_for(told.get(), DEADLINE)
    finally:
        await worker.end([listening])


def create_app() -> FastAPI:
    """Build the service that the environment describes, with errands and nothing periodic."""
    app = main.create_app()
    app.state.tasks |= TASKS
    app.state.timetable = Scheduler([])
    return app


if __name__ == "__main__":
    raise_timeouts(setattr)
    if given := os.environ.get("ERRANDS_LEASE"):
        store.LEASE = timedelta(seconds=float(given))
    with patch("app.jobs.process.create_app", create_app):
        sys.exit(run())
