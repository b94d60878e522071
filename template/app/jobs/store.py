"""The rows of jobs: who takes one, for how long, and how it ends."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.enums.job import JobState
from app.errors import Conflict, NotFound
from app.models.base import now
from app.models.job import Job

LEASE = timedelta(seconds=30)  # for which a worker that says nothing is believed to be at it
FIRST_PAUSE = 2.0  # seconds before the second attempt; each further pause is twice as long
LONGEST_PAUSE = 600.0  # seconds

Sessions = async_sessionmaker[AsyncSession]


async def claim(sessions: Sessions, job_id: UUID | None = None) -> Job | None:
    """Take a job that is due: the one that is meant, or else the one that waited longest."""
    due = select(Job.id).where(Job.due_at <= now()).order_by(Job.due_at).limit(1)
    wanted = due if job_id is None else due.where(Job.id == job_id)
    # What others take at this moment is passed over.
    free = wanted.with_for_update(skip_locked=True).scalar_subquery()
    leased = {"state": JobState.RUNNING, "attempts": Job.attempts + 1, "due_at": now() + LEASE}
    taken = update(Job).where(Job.id == free).values(leased).returning(Job)
    async with sessions.begin() as session:
        job: Job | None = await session.scalar(taken)
        return job


async def renew(sessions: Sessions, job: Job) -> None:
    """Say that this worker is still at it."""
    await _change(sessions, job, due_at=now() + LEASE)


async def finish(session: AsyncSession, job: Job, result: object) -> bool:
    """Mark a job as done, in the transaction of what it did; False where another has it now.

    What it was told is forgotten: it may hold secrets.
    """
    over = _over(JobState.DONE) | {"result": result, "error": None, "arguments": {}}
    marked = update(Job).where(_mine(job)).values(over).returning(Job.id)
    return await session.scalar(marked) is not None


async def retry_later(sessions: Sessions, job: Job, error: str) -> None:
    """Have a job tried again after a while, each time a longer one."""
    due_at = now() + pause(job.attempts)
    await _change(sessions, job, state=JobState.WAITING, due_at=due_at, error=error)


async def mark_dead(sessions: Sessions, job: Job, error: str) -> None:
    """Leave a job for dead, until somebody looks at it."""
    await _change(sessions, job, **_over(JobState.DEAD), error=error)


async def release(sessions: Sessions, job: Job) -> None:
    """Let another worker take a job at once, as if this one had not begun."""
    attempts = job.attempts - 1
    await _change(sessions, job, state=JobState.WAITING, due_at=now(), attempts=attempts)


async def list_dead(session: AsyncSession) -> list[Job]:
    """Find the jobs that failed too often, the oldest first."""
    rows = select(Job).where(Job.state == JobState.DEAD).order_by(Job.finished_at)
    return list(await session.scalars(rows))


async def revive(session: AsyncSession, job_id: UUID) -> Job:
    """Have a dead job tried again, as often as a new one.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not dead.
    """
    job = await session.get(Job, job_id, with_for_update=True)
    if job is None:
        message = "There is no such job."
        raise NotFound(message)
    if job.state is not JobState.DEAD:
        message = f"The job is {job.state}."
        raise Conflict(message)
    job.state, job.attempts, job.due_at, job.finished_at = JobState.WAITING, 0, now(), None
    return job


async def purge(session: AsyncSession, retention: timedelta) -> int:
    """Remove the jobs that were done so long ago; say how many."""
    old = and_(Job.finished_at <= now() - retention, Job.state == JobState.DONE)
    removed = await session.scalars(delete(Job).where(old).returning(Job.id))
    return len(removed.all())


def pause(attempts: int) -> timedelta:
    """Say how long to wait after some attempts: longer each time, and never all at once."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1))
    return timedelta(seconds=random.uniform(longest / 2, longest))  # noqa: S311 - no secret


def _over(state: JobState) -> dict[str, Any]:
    return {"state": state, "due_at": None, "finished_at": now()}


async def _change(sessions: Sessions, job: Job, **values: object) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Job).where(_mine(job)).values(values))


def _mine(job: Job) -> ColumnElement[bool]:
    """Ask for a job, as long as nobody else has taken it since."""
    running = Job.state == JobState.RUNNING
    return and_(Job.id == job.id, running, Job.attempts == job.attempts)
