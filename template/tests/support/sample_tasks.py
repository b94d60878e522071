"""Sample tasks for tests of jobs, and helpers to enqueue, claim and run them.

`python -m tests.support.sample_tasks worker` runs a worker with these tasks.

`SAMPLE_TASKS_LEASE` sets the lease of jobs, in seconds.
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


class SampleArguments(BaseModel):
    """Arguments of the sample tasks: the text to write, and the duration in seconds."""

    text: str = "done"
    seconds: float = 0


async def write(context: TaskContext, arguments: SampleArguments) -> dict[str, str]:
    """Insert a row after the given number of seconds."""
    await asyncio.sleep(arguments.seconds)
    values = sample_resource.payload(
        title=str(uuid7()), text=arguments.text
    )  # other processes count as this one
    await context.session.execute(insert(sample_resource.Jot).values(**values))
    return {"written": arguments.text}


async def fail(context: TaskContext, arguments: SampleArguments) -> None:
    """Insert a row, then raise an exception."""
    await write(context, arguments)
    raise ZeroDivisionError


async def give_up(context: TaskContext, arguments: SampleArguments) -> None:
    """Insert a row, then raise the error that forbids a retry."""
    await write(context, arguments)
    raise GiveUpError


WRITE = Task("write", SampleArguments, write)
FAIL = Task("fail", SampleArguments, fail, attempts=2)
GIVE_UP = Task("give_up", SampleArguments, give_up)
TIME_OUT = Task("time_out", SampleArguments, write, seconds=0.05)
TASKS: dict[str, Task[Any]] = {task.name: task for task in (WRITE, FAIL, GIVE_UP, TIME_OUT)}


@asynccontextmanager
async def open_sessions() -> AsyncGenerator[Sessions, None]:
    """Yield a session factory with real commits for the database of `DATABASE_URL`."""
    engine = migrate.create()
    try:
        yield async_sessionmaker(engine, expire_on_commit=False)
        await wait_for_pool(engine)  # also for connections of heartbeats
    finally:
        await engine.dispose()


def minimal_app(sessions: Sessions) -> FastAPI:
    """Create an application that has only the state that jobs need."""
    app = FastAPI()
    logging.install(app)
    app.state.sessions, app.state.tasks, app.state.timetable = sessions, TASKS, Scheduler([])
    return app


async def enqueue_job(
    sessions: Sessions,
    task: Task[SampleArguments] = WRITE,
    **arguments: Any,  # noqa: ANN401
) -> Job:
    """Enqueue a job in a separate transaction."""
    async with sessions.begin() as session:
        return enqueue(session, task, SampleArguments(**arguments))


async def claim_job(sessions: Sessions, job: Job) -> Job:
    """Claim a job with a lease, as a worker does."""
    claimed = await store.claim(sessions, job.id)
    assert claimed is not None
    return claimed


async def read_job(sessions: Sessions, job: Job) -> Job:
    """Read the current row of a job."""
    async with sessions() as session:
        return await session.get_one(Job, job.id)


async def count_written(sessions: Sessions) -> int:
    """Count the rows that the sample tasks have inserted."""
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(sample_resource.Jot)) or 0


async def run_due_jobs(app: FastAPI) -> None:
    """Run all due jobs, one at a time."""
    while job := await store.claim(app.state.sessions):
        await execution.execute(app, job)


async def wait_until_written(sessions: Sessions, number: int) -> None:
    """Wait until the sample tasks have inserted a number of rows."""
    async with asyncio.timeout(DEADLINE):
        while await count_written(sessions) < number:
            await asyncio.sleep(0.02)


async def receive(broker: Broker, number: int) -> list[UUID]:
    """Receive a number of job ids from the broker."""
    received: list[UUID] = []
    is_complete = asyncio.Event()

    async def handle(job_id: UUID) -> None:
        received.append(job_id)
        if len(received) == number:
            is_complete.set()

    receiving = asyncio.create_task(broker.receive(handle))
    try:
        await asyncio.wait_for(is_complete.wait(), DEADLINE)
    finally:
        await worker.cancel([receiving])
    return received


@asynccontextmanager
async def busy_worker(broker: Broker) -> AsyncGenerator[UUID, None]:
    """Simulate a worker that receives a job ID while all its slots are in use."""
    received: asyncio.Queue[UUID] = asyncio.Queue()

    async def wait_for_slot(job_id: UUID) -> None:
        received.put_nowait(job_id)
        await asyncio.Event().wait()

    await broker.send(uuid7())
    receiving = asyncio.create_task(broker.receive(wait_for_slot))
    try:
        yield await asyncio.wait_for(received.get(), DEADLINE)
    finally:
        await worker.cancel([receiving])


def create_app() -> FastAPI:
    """Create the service with the sample tasks, and without periodic tasks."""
    app = main.create_app()
    app.state.tasks |= TASKS
    app.state.timetable = Scheduler([])
    return app


if __name__ == "__main__":
    raise_timeouts(setattr)
    if lease := os.environ.get("SAMPLE_TASKS_LEASE"):
        store.LEASE = timedelta(seconds=float(lease))
    with patch("app.jobs.process.create_app", create_app):
        sys.exit(run())
