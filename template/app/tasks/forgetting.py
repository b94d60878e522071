"""Jobs that are done are forgotten after a while."""

from datetime import timedelta

from app.jobs import ledger
from app.jobs.task import Nothing, Task, Work
from app.jobs.times import Every, Periodic


async def forget(work: Work, arguments: Nothing) -> int:
    """Remove the jobs that were done long ago; say how many."""
    _ = arguments
    return await ledger.forget(work.session, work.app.state.jobs.retention)


FORGET = Task("forget_jobs", Nothing, forget)
FORGETTING = Periodic(FORGET, Nothing(), Every(timedelta(minutes=10)))
