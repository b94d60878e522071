"""What is to be done again and again, and when. Times are in UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol

from cronsim import CronSim

from app.jobs.asking import ask_once
from app.jobs.ledger import Sessions
from app.jobs.task import A, Task
from app.models.base import now

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MADE_UP_FOR = timedelta(hours=1)  # what no worker was there for is done late, but not later


class Times(Protocol):
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
    times: Times


class Timetable:
    """Asks for what is due, each time once, however many do; a task stands in it once."""

    def __init__(self, entries: Iterable[Periodic[Any]]) -> None:
        self.entries = list(entries)
        self.asked: dict[str, datetime] = {}  # by task, so that the database is not asked again

    async def ask(self, sessions: Sessions) -> None:
        """Ask for all that became due since the last time, or lately."""
        moment = now()
        for entry in self.entries:
            name, last = entry.task.name, entry.times.last(moment)
            if moment - last > MADE_UP_FOR or self.asked.get(name) == last:
                continue
            async with sessions.begin() as session:
                await ask_once(session, entry.task, entry.arguments, f"{name}@{last.isoformat()}")
            self.asked[name] = last
