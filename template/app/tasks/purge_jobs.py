"""Periodic task that deletes done and dead jobs after their retention."""

from datetime import timedelta

from app.jobs import store
from app.jobs.schedule import Every, Periodic
from app.jobs.setup import JOB_SETTINGS
from app.jobs.task import NoArguments, Task, TaskContext


async def purge(context: TaskContext, arguments: NoArguments) -> int:
    """Delete done and dead jobs after their retention; return their number."""
    _ = arguments
    config = JOB_SETTINGS.get(context.app)
    return await store.purge(context.session, config.retention, config.dead_retention)


PURGE = Task("forget_jobs", NoArguments, purge)  # rows store the name, so it must not change
PURGE_PERIODICALLY = Periodic(PURGE, NoArguments(), Every(timedelta(minutes=10)))
