"""Queries on the table of jobs, such as claim, renew, finish, retry, release and purge."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.enums.job import JobState
from app.errors import Conflict, NotFound
from app.models.base import now
from app.models.job import Job

LEASE = timedelta(seconds=30)  # without a heartbeat for that long, another worker may claim the job
RETRY_DELAY = 2.0  # seconds before the second attempt; doubled for each further one
MAX_RETRY_DELAY = 600.0  # seconds

Sessions = async_sessionmaker[AsyncSession]


async def claim(sessions: Sessions, job_id: UUID | None = None) -> Job | None:
    """Claim a due job and take a lease on it; None if no job is due.

    Args:
        sessions: the session factory
        job_id: the job to claim; by default the one that has been due for longest
    """
    due = select(Job.id).where(Job.due_at <= now()).order_by(Job.due_at).limit(1)
    candidate = due if job_id is None else due.where(Job.id == job_id)
    # SKIP LOCKED: concurrent workers claim different rows.
    unlocked = candidate.with_for_update(skip_locked=True).scalar_subquery()
    lease = {"state": JobState.RUNNING, "attempts": Job.attempts + 1, "due_at": now() + LEASE}
    claiming = update(Job).where(Job.id == unlocked).values(lease).returning(Job)
    async with sessions.begin() as session:
        job: Job | None = await session.scalar(claiming)
        return job


async def renew(sessions: Sessions, job: Job) -> None:
    """Extend the lease of a running job (heartbeat)."""
    await _update(sessions, job, due_at=now() + LEASE)


async def finish(session: AsyncSession, job: Job, result: object) -> bool:
    """Mark a job as done, in the job's transaction; return False if the lease was lost.

    The arguments are deleted: they may hold secrets.
    """
    values = _ended(JobState.DONE) | {"result": result, "error": None, "arguments": {}}
    marking = update(Job).where(_leased(job)).values(values).returning(Job.id)
    return await session.scalar(marking) is not None


async def retry_later(sessions: Sessions, job: Job, error: str) -> None:
    """Schedule the next attempt of a failed job after an exponential backoff."""
    due_at = now() + backoff(job.attempts)
    await _update(sessions, job, state=JobState.WAITING, due_at=due_at, error=error)


async def mark_dead(sessions: Sessions, job: Job, error: str) -> None:
    """Mark a job as dead (a dead letter), which only an operator can retry."""
    await _update(sessions, job, **_ended(JobState.DEAD), error=error)


async def release(sessions: Sessions, job: Job) -> None:
    """Release a job, so that another worker may claim it.

    The released attempt does not count.
    """
    attempts = job.attempts - 1
    await _update(sessions, job, state=JobState.WAITING, due_at=now(), attempts=attempts)


async def list_dead(session: AsyncSession) -> list[Job]:
    """Return the dead jobs, oldest first."""
    rows = select(Job).where(Job.state == JobState.DEAD).order_by(Job.finished_at)
    return list(await session.scalars(rows))


async def requeue(session: AsyncSession, job_id: UUID) -> Job:
    """Queue a dead job again, with its number of attempts reset.

    Raises:
        NotFound: the job does not exist.
        Conflict: the job is not dead.
    """
    job = await session.get(Job, job_id, with_for_update=True)
    if job is None:
        message = "Job does not exist."
        raise NotFound(message)
    if job.state is not JobState.DEAD:
        message = f"Only dead jobs can be retried; this one is {job.state}."
        raise Conflict(message)
    job.state, job.attempts, job.due_at, job.finished_at = JobState.WAITING, 0, now(), None
    return job


async def purge(session: AsyncSession, retention: timedelta, dead_retention: timedelta) -> int:
    """Purge jobs that were done or dead longer than their retention ago; return how many.

    A dead job keeps its arguments to be retried, and they may hold secrets: not forever.
    """
    retentions = {JobState.DONE: retention, JobState.DEAD: dead_retention}
    is_old = or_(
        *(
            and_(Job.finished_at <= now() - age, Job.state == state)
            for state, age in retentions.items()
        )
    )
    purged = await session.scalars(delete(Job).where(is_old).returning(Job.id))
    return len(purged.all())


def backoff(attempts: int) -> timedelta:
    """Return the delay before the next attempt: exponential, with random jitter."""
    longest = min(MAX_RETRY_DELAY, RETRY_DELAY * 2 ** (attempts - 1))
    return timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311 - no secret


def _ended(state: JobState) -> dict[str, Any]:
    return {"state": state, "due_at": None, "finished_at": now()}


async def _update(sessions: Sessions, job: Job, **values: object) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Job).where(_leased(job)).values(values))


def _leased(job: Job) -> ColumnElement[bool]:
    """Return the SQL condition that is true while this worker holds the lease (fencing token)."""
    running = Job.state == JobState.RUNNING
    return and_(Job.id == job.id, running, Job.attempts == job.attempts)
