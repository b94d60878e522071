"""The parts that a service with jobs has: what tells of them, what does them, and when."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic_settings import SettingsConfigDict

from app import settings, tasks
from app.database import SESSIONS
from app.jobs.broker import BROKER, connect
from app.jobs.notifier import Notifier
from app.jobs.outbox import TELL, Tell
from app.jobs.schedule import SCHEDULER, Periodic, Scheduler
from app.jobs.task import TASKS, Task
from app.jobs.worker import WORKER, Worker
from app.settings import Environment
from app.state import StateKey


class JobSettings(settings.EnvironmentSettings):
    """How much one worker does at once, and how long jobs are remembered."""

    model_config = SettingsConfigDict(env_prefix="TASKS_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    concurrency: PositiveInt = Field(4, description="Set it to the jobs that are done at once.")
    grace_seconds: NonNegativeFloat = Field(
        20, description="Set it to the seconds that jobs have once a worker is to stop."
    )
    retention_days: PositiveInt = Field(
        7, description="Set it to the days for which jobs that are done are remembered."
    )

    @property
    def retention(self) -> timedelta:
        return timedelta(days=self.retention_days)


JOB_SETTINGS = StateKey[JobSettings]("jobs")


def discover(kind: type[Any]) -> Iterator[Any]:
    """Find what the modules of `app.tasks` hold of a kind."""
    for module in tasks.modules():
        yield from (value for value in vars(module).values() if isinstance(value, kind))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Tell workers of jobs; in development, be one of them."""
    worker, broker = WORKER.get(app), BROKER.get(app)
    tell: Tell = worker.wake
    async with AsyncExitStack() as stack:
        if JOB_SETTINGS.get(app).environment is Environment.DEVELOPMENT:
            await stack.enter_async_context(worker.working(broker))
        if broker:
            teller = Notifier(broker)
            await stack.enter_async_context(teller.telling())
            tell = teller.tell
        sessions = SESSIONS.get(app)
        known = sessions.kw["info"]
        sessions.configure(info=known | {TELL: tell})
        yield


def install(app: FastAPI) -> None:
    """Have the service ask for jobs."""
    config = settings.read(JobSettings)
    JOB_SETTINGS.set(app, config)
    TASKS.set(app, {task.name: task for task in discover(Task)})
    SCHEDULER.set(app, Scheduler(discover(Periodic)))
    WORKER.set(app, Worker(app, config.concurrency, config.grace_seconds))
    BROKER.set(app, connect(app.title))
    app.include_router(APIRouter(lifespan=lifespan))
