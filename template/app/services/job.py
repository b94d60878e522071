"""What can be done with jobs that somebody asked for."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.models.job import Job


async def read(session: AsyncSession, job_id: UUID, asked_by: UUID | None = None) -> Job:
    """Find a job, to show it; with `asked_by`, if that user asked for it.

    Raises:
        NotFound: it is not there, or somebody else's.
    """
    job = await session.get(Job, job_id)
    if job is None or (asked_by and job.asked_by != asked_by):
        message = "There is no such job."
        raise NotFound(message)
    return job
