"""Periodic task that deletes done jobs after `TASKS_RETENTION_DAYS`."""

from datetime import timedelta

from app.jobs import store
from app.jobs.schedule import Every, Periodic
from app.jobs.setup import JOB_SETTINGS
from app.jobs.task import NoArguments, Task, TaskContext


async def purge(context: TaskContext, arguments: NoArguments) -> int:
    """Delete the jobs that have been done for `TASKS_RETENTION_DAYS`; return their number."""
    _ = arguments
    return await store.purge(context.session, JOB_SETTINGS.get(context.app).retention)


PURGE = Task("forget_jobs", NoArguments, purge)  # rows store the name, so it must not change
PURGE_PERIODICALLY = Periodic(PURGE, NoArguments(), Every(timedelta(minutes=10)))
