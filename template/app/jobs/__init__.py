"""Background jobs with a transactional outbox.

A job is a row that the enqueuing transaction inserts, so a rollback discards the job. Workers claim
the rows, hold a lease on each running job, and retry failures with exponential backoff. A job that
fails too often is dead (a dead letter).

Delivery is at-least-once, so a job may start several times. Its writes to the database take effect
once, since they are committed together with the job's state.
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
