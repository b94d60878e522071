"""Settings and installation of background jobs: notifier, worker and scheduler."""

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
from app.jobs.outbox import NOTIFY, Notify
from app.jobs.schedule import SCHEDULER, Periodic, Scheduler
from app.jobs.task import TASKS, Task
from app.jobs.worker import WORKER, Worker
from app.settings import Environment
from app.state import BACKGROUND_WORK, StateKey


class JobSettings(settings.EnvironmentSettings):
    """Settings of workers (concurrency, shutdown) and of the retention of jobs."""

    model_config = SettingsConfigDict(env_prefix="TASKS_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    concurrency: PositiveInt = Field(
        4, description="Set it to the number of jobs that a worker runs concurrently."
    )
    grace_seconds: NonNegativeFloat = Field(
        20, description="Set it to the seconds that running jobs have to finish at shutdown."
    )
    retention_days: PositiveInt = Field(
        7, description="Set it to the days after which jobs that are done are purged."
    )
    dead_retention_days: PositiveInt = Field(
        30, description="Set it to the days after which dead jobs are purged."
    )

    @property
    def retention(self) -> timedelta:
        return timedelta(days=self.retention_days)

    @property
    def dead_retention(self) -> timedelta:
        return timedelta(days=self.dead_retention_days)


JOB_SETTINGS = StateKey[JobSettings]("jobs")


def discover(kind: type[Any]) -> Iterator[Any]:
    """Yield the top-level objects of a class in the modules of `app.tasks`."""
    for module in tasks.modules():
        yield from (value for value in vars(module).values() if isinstance(value, kind))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    """Send enqueued jobs to the broker; in development, also run a worker in this process."""
    worker, broker = WORKER.get(app), BROKER.get(app)
    notify: Notify = worker.wake
    async with AsyncExitStack() as stack:
        is_development = JOB_SETTINGS.get(app).environment is Environment.DEVELOPMENT
        if is_development and BACKGROUND_WORK.find(app) is not False:
            await stack.enter_async_context(worker.working(broker))
        if broker:
            notifier = Notifier(broker)
            await stack.enter_async_context(notifier.running())
            notify = notifier.notify
        sessions = SESSIONS.get(app)
        sessions.configure(info=sessions.kw["info"] | {NOTIFY: notify})
        yield


def install(app: FastAPI) -> None:
    """Install the broker, worker, scheduler and tasks of background jobs."""
    config = settings.read(JobSettings)
    JOB_SETTINGS.set(app, config)
    TASKS.set(app, {task.name: task for task in discover(Task)})
    SCHEDULER.set(app, Scheduler(discover(Periodic)))
    WORKER.set(app, Worker(app, config.concurrency, config.grace_seconds))
    BROKER.set(app, connect(app.title))
    app.include_router(APIRouter(lifespan=lifespan))
