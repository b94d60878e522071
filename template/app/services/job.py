"""Service that reads the status of background jobs."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.models.job import Job
from app.scope import Scope


async def read(session: AsyncSession, job_id: UUID, scope: Scope) -> Job:
    """Return one job; 404 if the job is missing or the caller may not read the job."""
    job = await session.get(Job, job_id)
    if job is None or not scope.includes(job.asked_by):
        message = "Job does not exist."
        raise NotFound(message)
    return job
