"""How a job is asked for: in the transaction of what it follows from."""

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
from app.jobs.trace_context import current_trace
from app.models.base import now, uuid7
from app.models.job import Job

TELL = "jobs"  # in a session's `info`: what tells workers of a job, once it is committed

Tell = Callable[[UUID], None]


def enqueue(
    session: AsyncSession,
    task: Task[A],
    arguments: A,
    *,
    due_at: datetime | None = None,
    asked_by: UUID | None = None,
) -> Job:
    """Ask for a job, to be done once this transaction is committed, or at a later moment."""
    job = _written(task, arguments, due_at)
    job.asked_by = asked_by
    session.add(job)
    _tell(session, job)
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
    """Ask for a job, unless one with this key was asked for already; give the one that there is.

    A key is good for as long as jobs are remembered.
    """
    await flush(session)  # so that a clash is this job's, and no other row's
    job = _written(task, arguments, due_at)
    job.key, job.asked_by = key, asked_by
    try:
        async with session.begin_nested():
            session.add(job)
            await flush(session)
            _tell(session, job)
    except Conflict:
        return (await session.scalars(select(Job).where(Job.key == key))).one()
    return job


def _written(task: Task[A], arguments: BaseModel, due_at: datetime | None) -> Job:
    return Job(
        id=uuid7(),
        task=task.name,
        arguments=arguments.model_dump(mode="json"),
        due_at=due_at or now(),
        traceparent=current_trace(),
    )


def _tell(session: AsyncSession, job: Job) -> None:
    """Have workers told after the commit; who is not told finds the row a little later."""
    tell: Tell | None = session.info.get(TELL)
    if tell and job.due_at and job.due_at <= now():
        after_commit(session, partial(tell, job.id))
