"""Work outside the request: a job is a row, written in the transaction that asks for it.

So it is there if that is committed, and not if it is rolled back; whatever stops after that, a
worker finds it. What a job does to the database is committed together with the mark that it is
done: it is begun as often as it takes, and done once.
"""

from app.jobs.outbox import enqueue, enqueue_once
from app.jobs.schedule import Cron, Every, Periodic
from app.jobs.setup import JobSettings, install
from app.jobs.task import GiveUpError, NoArguments, Task, TaskContext

__all__ = [
    "Cron",
    "Every",
    "GiveUpError",
    "JobSettings",
    "NoArguments",
    "Periodic",
    "Task",
    "TaskContext",
    "enqueue",
    "enqueue_once",
    "install",
]
