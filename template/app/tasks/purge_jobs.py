"""Jobs that are done are forgotten after a while."""

from datetime import timedelta

from app.jobs import store
from app.jobs.schedule import Every, Periodic
from app.jobs.setup import JOB_SETTINGS
from app.jobs.task import NoArguments, Task, TaskContext


async def purge(work: TaskContext, arguments: NoArguments) -> int:
    """Remove the jobs that were done long ago; say how many."""
    _ = arguments
    return await store.purge(work.session, JOB_SETTINGS.get(work.app).retention)


PURGE = Task("forget_jobs", NoArguments, purge)
PURGING = Periodic(PURGE, NoArguments(), Every(timedelta(minutes=10)))
