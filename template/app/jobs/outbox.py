"""Transactional outbox: the transaction that changes rows also enqueues the job."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.after_commit import after_commit
from app.database import flush
from app.errors import Conflict
from app.jobs.task import A, Task
from app.jobs.trace_context import current_traceparent
from app.models.base import now, uuid7
from app.models.job import Job

NOTIFY = "jobs"  # key in a session's `info`: the function that notifies workers after the commit

Notify = Callable[[UUID], None]


def enqueue(
    session: AsyncSession,
    task: Task[A],
    arguments: A,
    *,
    due_at: datetime | None = None,
    asked_by: UUID | None = None,
) -> Job:
    """Enqueue a job in the transaction.

    The job runs after a commit, and never after a rollback.

    Args:
        session: the transaction that the job belongs to
        task: the task to run
        arguments: its arguments, stored as JSON
        due_at: the earliest time to run; by default after the commit
        asked_by: the user who submitted the job, and may read it
    """
    job = _new_job(task, arguments, due_at)
    job.asked_by = asked_by
    session.add(job)
    _notify(session, job)
    return job


async def enqueue_once(
    session: AsyncSession,
    task: Task[A],
    arguments: A,
    key: str,
    *,
    due_at: datetime | None = None,
    asked_by: UUID | None = None,
) -> Job:
    """Enqueue a job, or return the existing job with the same idempotency key.

    A key is unique until its job is purged. The other arguments are the same as those of `enqueue`.
    """
    await flush(session)  # so that a unique violation can only come from this job's row
    job = _new_job(task, arguments, due_at)
    job.key, job.asked_by = key, asked_by
    try:
        async with session.begin_nested():
            session.add(job)
            await flush(session)
            _notify(session, job)
    except Conflict:
        return (await session.scalars(select(Job).where(Job.key == key))).one()
    return job


def _new_job(task: Task[A], arguments: BaseModel, due_at: datetime | None) -> Job:
    return Job(
        id=uuid7(),
        task=task.name,
        arguments=arguments.model_dump(mode="json"),
        due_at=due_at or now(),
        traceparent=current_traceparent(),
    )


def _notify(session: AsyncSession, job: Job) -> None:
    """Notify workers of a job after the commit.

    Without a notification, workers find the job's row by polling.
    """
    notify: Notify | None = session.info.get(NOTIFY)
    if notify and job.due_at and job.due_at <= now():
        after_commit(session, partial(notify, job.id))
