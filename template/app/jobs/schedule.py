"""Scheduler of periodic tasks, with cron expressions and intervals in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol

from cronsim import CronSim

from app.jobs.outbox import enqueue_once
from app.jobs.store import Sessions
from app.jobs.task import A, Task
from app.models.base import now
from app.state import StateKey

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CATCH_UP = timedelta(hours=1)  # a run missed for longer (a misfire) is skipped


class Schedule(Protocol):
    """Interface of schedules, which say when a periodic task runs."""

    def last(self, moment: datetime) -> datetime:
        """Return the latest scheduled time at or before `moment`."""


@dataclass(frozen=True)
class Every:
    """Schedule with a fixed interval, such as `Every(timedelta(minutes=5))`."""

    interval: timedelta

    def last(self, moment: datetime) -> datetime:
        """Return the latest scheduled time at or before `moment`."""
        return moment - (moment - EPOCH) % self.interval


@dataclass(frozen=True)
class Cron:
    """Schedule by a cron expression, such as `Cron("30 3 * * MON")`."""

    expression: str

    def last(self, moment: datetime) -> datetime:
        """Return the latest scheduled time at or before `moment`."""
        after = moment.replace(microsecond=0) + timedelta(seconds=1)
        return next(CronSim(self.expression, after, reverse=True))


@dataclass(frozen=True)
class Periodic(Generic[A]):
    """A task with a schedule, defined at the top level of a module of `app.tasks`."""

    task: Task[A]
    arguments: A
    times: Schedule


class Scheduler:
    """Enqueues each due periodic task once, however many workers run."""

    def __init__(self, entries: Iterable[Periodic[Any]]) -> None:
        self.entries = list(entries)
        self.enqueued: dict[str, datetime] = {}  # last run by task name; saves queries

    async def enqueue_due(self, sessions: Sessions) -> None:
        """Enqueue each task that became due in the last `CATCH_UP` and is not enqueued yet."""
        moment = now()
        for entry in self.entries:
            name, due = entry.task.name, entry.times.last(moment)
            if moment - due > CATCH_UP or self.enqueued.get(name) == due:
                continue
            async with sessions.begin() as session:
                # The idempotency key makes the workers of all processes enqueue one job.
                await enqueue_once(
                    session, entry.task, entry.arguments, f"{name}@{due.isoformat()}"
                )
            self.enqueued[name] = due


SCHEDULER = StateKey[Scheduler]("timetable")
