"""Dead jobs, from the command line."""

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
    """Change the database that the environment names."""
    engine = migrate.create()
    try:
        async with async_sessionmaker(engine, expire_on_commit=False).begin() as session:
            yield session
    finally:
        await engine.dispose()


async def dead_jobs() -> str:
    """List the jobs that failed too often, a line for each."""
    async with transaction() as session:
        return "\n".join(map(_line, await store.list_dead(session))) or "No job is dead."


async def retry_job(job_id: str) -> str:
    """Have a dead job tried again; leave, where it is none."""
    try:
        async with transaction() as session:
            job = await store.revive(session, UUID(job_id))
    except ValueError:
        sys.exit(f"{job_id!r} is no job's id.")
    except Error as error:
        sys.exit(error.detail)
    return f"{job.task} is tried again."


def _line(job: Job) -> str:
    return f"{job.id}  {job.finished_at:%Y-%m-%d %H:%M}Z  {job.task}  {job.error}"
