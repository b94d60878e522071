"""How a job that was taken is done: in one transaction, under a lease that is renewed."""

import asyncio
from typing import Any

import structlog
from fastapi import FastAPI
from structlog.contextvars import bound_contextvars

from app.database import SESSIONS
from app.jobs import store
from app.jobs.task import TASKS, UNKNOWN, GiveUpError, Task, TaskContext
from app.jobs.trace_context import continued
from app.models.job import Job

log = structlog.get_logger()


class TakenOverError(Exception):
    """Another worker has taken the job over; nothing of this attempt is kept."""


class VanishedError(Exception):
    """Every worker that began the job was gone before its end."""


async def execute(app: FastAPI, job: Job) -> None:
    """Do a job that was taken; what fails is tried again later, and in the end left for dead.

    Where this is cancelled, the job is given back.
    """
    names = {"job": str(job.id), "task": job.task, "attempt": job.attempts}
    with bound_contextvars(**names), continued(job.traceparent):
        renewing = asyncio.create_task(_renew(app, job))
        try:
            await _attempt(app, TASKS.get(app).get(job.task, UNKNOWN), job)
        finally:
            renewing.cancel()


async def _attempt(app: FastAPI, task: Task[Any], job: Job) -> None:
    try:
        await _run(app, task, job)
        log.info("a job is done")
    except TakenOverError:
        log.warning("a job was taken over")
    except asyncio.CancelledError:
        await store.release(SESSIONS.get(app), job)
        log.info("a job is given back")
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
        await _fail(app, task, job, error)


async def _run(app: FastAPI, task: Task[Any], job: Job) -> None:
    if job.attempts > task.attempts:
        raise VanishedError
    async with asyncio.timeout(task.seconds), SESSIONS.get(app).begin() as session:
        arguments = task.arguments.model_validate(job.arguments)
        result = await task.run(TaskContext(session, app), arguments)
        if not await store.finish(session, job, result):
            raise TakenOverError


async def _fail(app: FastAPI, task: Task[Any], job: Job, error: Exception) -> None:
    if job.attempts >= task.attempts or isinstance(error, GiveUpError):
        await store.mark_dead(SESSIONS.get(app), job, type(error).__name__)
        log.error("a job is dead", exc_info=error)
    else:
        await store.retry_later(SESSIONS.get(app), job, type(error).__name__)
        log.warning("a job failed", exc_info=error)


async def _renew(app: FastAPI, job: Job) -> None:
    """Say now and then that this worker is still at it."""
    while True:
        await asyncio.sleep(store.LEASE.total_seconds() / 3)
        try:
            await store.renew(SESSIONS.get(app), job)
        except Exception as error:  # noqa: BLE001 - the next time may go well
            log.warning("a lease is not renewed", error=type(error).__name__)
