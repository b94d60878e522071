"""The parts that a service with jobs has: what tells of them, what does them, and when."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import Field, NonNegativeFloat, PositiveInt
from pydantic_settings import SettingsConfigDict

from app import settings, tasks
from app.jobs.asking import TELL, Tell
from app.jobs.connecting import connect
from app.jobs.task import Task
from app.jobs.telling import Teller
from app.jobs.times import Periodic, Timetable
from app.jobs.worker import Worker
from app.settings import Environment


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


def found(kind: type[Any]) -> Iterator[Any]:
    """Find what the modules of `app.tasks` hold of a kind."""
    for module in tasks.modules():
        yield from (value for value in vars(module).values() if isinstance(value, kind))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Tell workers of jobs; in development, be one of them."""
    worker: Worker = app.state.worker
    tell: Tell = worker.wake
    async with AsyncExitStack() as stack:
        if app.state.jobs.environment is Environment.DEVELOPMENT:
            await stack.enter_async_context(worker.working(app.state.broker))
        if app.state.broker:
            teller = Teller(app.state.broker)
            await stack.enter_async_context(teller.telling())
            tell = teller.tell
        known = app.state.sessions.kw["info"]
        app.state.sessions.configure(info=known | {TELL: tell})
        yield


def install(app: FastAPI) -> None:
    """Have the service ask for jobs."""
    chosen = settings.read(JobSettings)
    app.state.jobs = chosen
    app.state.tasks = {task.name: task for task in found(Task)}
    app.state.timetable = Timetable(found(Periodic))
    app.state.worker = Worker(app, chosen.concurrency, chosen.grace_seconds)
    app.state.broker = connect(app.title)
    app.include_router(APIRouter(lifespan=lifespan))
