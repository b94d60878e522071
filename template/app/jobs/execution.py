"""Execution of a claimed job in one transaction, under a lease that heartbeats renew."""

import asyncio
from typing import Any

import structlog
from fastapi import FastAPI
from structlog.contextvars import bound_contextvars

from app.database import SESSIONS
from app.jobs import store
from app.jobs.task import TASKS, UNKNOWN, GiveUpError, Task, TaskContext
from app.jobs.trace_context import continue_trace
from app.models.job import Job

log = structlog.get_logger()


class LeaseLostError(Exception):
    """The lease expired and another worker claimed the job, so this attempt is rolled back."""


class WorkerLostError(Exception):
    """The job has no attempts left, and its last worker crashed or lost the database."""


async def execute(app: FastAPI, job: Job) -> None:
    """Run a claimed job; after a failure, retry with exponential backoff until the job is dead.

    A cancelled job is released.
    """
    fields = {"job": str(job.id), "task": job.task, "attempt": job.attempts}
    with bound_contextvars(**fields), continue_trace(job.traceparent):
        heartbeat = asyncio.create_task(_renew_lease(app, job))
        try:
            await _attempt(app, TASKS.get(app).get(job.task, UNKNOWN), job)
        finally:
            heartbeat.cancel()


async def _attempt(app: FastAPI, task: Task[Any], job: Job) -> None:
    try:
        await _run(app, task, job)
        log.info("job_done")
    except LeaseLostError:
        log.warning("job_lease_lost")
    except asyncio.CancelledError:
        await store.release(SESSIONS.get(app), job)
        log.info("job_released")
        raise
    except Exception as error:  # noqa: BLE001 - a task may raise anything
        await _fail(app, task, job, error)


async def _run(app: FastAPI, task: Task[Any], job: Job) -> None:
    if job.attempts > task.attempts:
        raise WorkerLostError
    async with asyncio.timeout(task.seconds), SESSIONS.get(app).begin() as session:
        arguments = task.arguments.model_validate(job.arguments)
        result = await task.run(TaskContext(session, app), arguments)
        if not await store.finish(session, job, result):
            raise LeaseLostError


async def _fail(app: FastAPI, task: Task[Any], job: Job, error: Exception) -> None:
    if job.attempts >= task.attempts or isinstance(error, GiveUpError):
        await store.mark_dead(SESSIONS.get(app), job, type(error).__name__)
        log.error("job_dead", exc_info=error)
    else:
        await store.retry_later(SESSIONS.get(app), job, type(error).__name__)
        log.warning("job_failed", exc_info=error)


async def _renew_lease(app: FastAPI, job: Job) -> None:
    """Renew the job's lease at each heartbeat."""
    while True:
        await asyncio.sleep(store.LEASE.total_seconds() / 3)
        try:
            await store.renew(SESSIONS.get(app), job)
        except Exception as error:  # noqa: BLE001 - the next heartbeat may succeed
            log.warning("lease_renewal_failed", error=type(error).__name__)
