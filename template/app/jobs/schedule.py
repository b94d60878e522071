"""What is to be done again and again, and when. Times are in UTC."""

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

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
CATCH_UP = timedelta(hours=1)  # what no worker was there for is done late, but not later


class Schedule(Protocol):
    """Moments that come again and again."""

    def last(self, moment: datetime) -> datetime:
        """Give the last one that is not after `moment`."""


@dataclass(frozen=True)
class Every:
    """Moments that lie so far apart, as in `Every(timedelta(minutes=5))`."""

    interval: timedelta

    def last(self, moment: datetime) -> datetime:
        """Give the last one that is not after `moment`."""
        return moment - (moment - BEGINNING) % self.interval


@dataclass(frozen=True)
class Cron:
    """Moments as cron has them, as in `Cron("30 3 * * MON")`."""

    expression: str

    def last(self, moment: datetime) -> datetime:
        """Give the last one that is not after `moment`."""
        after = moment.replace(microsecond=0) + timedelta(seconds=1)
        return next(CronSim(self.expression, after, reverse=True))


@dataclass(frozen=True)
class Periodic(Generic[A]):
    """A task that is to be done again and again."""

    task: Task[A]
    arguments: A
    times: Schedule


class Scheduler:
    """Asks for what is due, each time once, however many do; a task stands in it once."""

    def __init__(self, entries: Iterable[Periodic[Any]]) -> None:
        self.entries = list(entries)
        self.asked: dict[str, datetime] = {}  # by task, so that the database is not asked again

    async def ask(self, sessions: Sessions) -> None:
        """Ask for all that became due since the last time, or lately."""
        moment = now()
        for entry in self.entries:
            name, last = entry.task.name, entry.times.last(moment)
            if moment - last > CATCH_UP or self.asked.get(name) == last:
                continue
            async with sessions.begin() as session:
                await enqueue_once(
                    session, entry.task, entry.arguments, f"{name}@{last.isoformat()}"
                )
            self.asked[name] = last


SCHEDULER = StateKey[Scheduler]("timetable")
