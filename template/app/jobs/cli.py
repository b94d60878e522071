"""Commands that list dead jobs (dead letters) and retry one of them."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app import migrate
from app.errors import Error
from app.jobs import store
from app.models.job import Job


@asynccontextmanager
async def transaction() -> AsyncGenerator[AsyncSession, None]:
    """Open a transaction on the configured database."""
    engine = migrate.create()
    try:
        async with async_sessionmaker(engine, expire_on_commit=False).begin() as session:
            yield session
    finally:
        await engine.dispose()


async def dead_jobs() -> str:
    """List the dead jobs, one per line: id, time of failure, task, error."""
    async with transaction() as session:
        return "\n".join(map(_line, await store.list_dead(session))) or "No dead jobs."


async def retry_job(job_id: str) -> str:
    """Queue a dead job for retry; exit with an error if no dead job has the ID."""
    try:
        async with transaction() as session:
            job = await store.requeue(session, UUID(job_id))
    except ValueError:
        sys.exit(f"Invalid job id: {job_id!r}. See `dead-jobs`.")
    except Error as error:
        sys.exit(error.detail)
    return f"Queued for retry: {job.task}."


def _line(job: Job) -> str:
    return f"{job.id}  {job.finished_at:%Y-%m-%d %H:%M}Z  {job.task}  {job.error}"
