"""Work outside the request: a job is a row, written in the transaction that asks for it.

So it is there if that is committed, and not if it is rolled back; whatever stops after that, a
worker finds it. What a job does to the database is committed together with the mark that it is
done: it is begun as often as it takes, and done once.
"""

from app.jobs.asking import ask, ask_once
from app.jobs.parts import JobSettings, install
from app.jobs.task import GiveUpError, Nothing, Task, Work
from app.jobs.times import Cron, Every, Periodic

__all__ = [
    "Cron",
    "Every",
    "GiveUpError",
    "JobSettings",
    "Nothing",
    "Periodic",
    "Task",
    "Work",
    "ask",
    "ask_once",
    "install",
]
