"""Background jobs by a transactional outbox: a job is a row that the enqueuing transaction inserts.

It exists if that transaction commits, and does not if it is rolled back. Workers claim the rows,
hold a lease while they run, and retry failures with exponential backoff; a job that fails too often
is dead (a dead letter).

Delivery is at-least-once: a job may start several times. Its own writes to the database take effect
once, since they are committed together with its state.
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
