"""The worker, which claims due jobs, runs them concurrently, and shuts down gracefully.

The broker delivers the IDs of new jobs. Polling finds retries, jobs whose lease has expired, and
all jobs while the broker is unavailable.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog
from fastapi import FastAPI

from app.database import SESSIONS
from app.jobs import execution, store
from app.jobs.broker import Broker
from app.jobs.schedule import SCHEDULER
from app.models.job import Job
from app.state import StateKey

POLL_INTERVAL = 5.0  # seconds between two polls for due jobs
POLL_INTERVAL_ALONE = 1.0  # seconds between two polls if there is no broker
SCHEDULE_INTERVAL = 1.0  # seconds between two runs of the scheduler
RECONNECT_DELAY = 1.0  # seconds after a failure of the broker
CANCEL_INTERVAL = 0.5  # seconds after which a task that ignored its cancellation is cancelled again

log = structlog.get_logger()


async def cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks repeatedly until all of them have ended.

    Until Python 3.12, `asyncio.wait_for` may swallow a cancellation
    (https://github.com/python/cpython/issues/86296). The client library of Valkey uses this
    function.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_INTERVAL)


class Worker:
    """Runs jobs of the service, several at the same time."""

    def __init__(self, app: FastAPI, concurrency: int, grace: float) -> None:
        self.app = app
        self.slots = asyncio.Semaphore(concurrency)
        self.grace = grace  # seconds to finish running jobs at shutdown
        self.woken = asyncio.Event()
        self.running: set[asyncio.Task[None]] = set()
        self.is_working = False
        self.stopping = False

    def wake(self, job_id: UUID) -> None:
        """Wake the worker, so that it polls for due jobs now."""
        _ = job_id
        self.woken.set()

    async def start_job(self, job_id: UUID | None = None) -> bool:
        """Wait for a free slot, then claim and start a job; return whether one was due."""
        await self.slots.acquire()
        job = None
        try:
            if not self.stopping:
                job = await store.claim(SESSIONS.get(self.app), job_id)
        finally:
            if job is None:
                self.slots.release()
        if job is None:
            return False
        task = asyncio.create_task(self._run(job))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return True

    async def _run(self, job: Job) -> None:
        try:
            await execution.execute(self.app, job)
        except Exception:
            log.exception("job_abandoned", job=str(job.id))  # retried once the lease expires
        finally:
            self.slots.release()

    async def handle(self, job_id: UUID) -> None:
        """Start a job that the broker delivered, unless another worker has already claimed it."""
        try:
            await self.start_job(job_id)
        except Exception as error:  # noqa: BLE001 - polling finds the job later
            log.warning("job_claim_failed", error=type(error).__name__)

    async def poll(self, interval: float) -> None:
        """Start all due jobs every `interval` seconds, and whenever the worker is woken."""
        while True:
            self.woken.clear()
            try:
                while await self.start_job():
                    pass
            except Exception as error:  # noqa: BLE001 - the next poll may succeed
                log.warning("job_claim_failed", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self.woken.wait()

    async def receive(self, broker: Broker) -> None:
        """Receive job IDs from the broker; reconnect after a failure."""
        is_failing = False
        while True:
            try:
                await broker.receive(self.handle)
            except ConnectionError as error:
                if not is_failing:
                    log.warning("broker_unavailable", error=str(error))
                is_failing = True
                await asyncio.sleep(RECONNECT_DELAY)

    async def schedule(self) -> None:
        """Enqueue periodic tasks when they become due."""
        while True:
            try:
                await SCHEDULER.get(self.app).enqueue_due(SESSIONS.get(self.app))
            except Exception as error:  # noqa: BLE001 - the next run may succeed
                log.warning("schedule_failed", error=type(error).__name__)
            await asyncio.sleep(SCHEDULE_INTERVAL)

    @asynccontextmanager
    async def working(self, broker: Broker | None = None) -> AsyncGenerator[None, None]:
        """Run jobs until the context exits; then finish or release the running jobs.

        If the worker already runs, as in a worker process in development, do nothing.
        """
        if self.is_working:
            yield
            return
        self.is_working = True
        loops = [self.poll(POLL_INTERVAL if broker else POLL_INTERVAL_ALONE), self.schedule()]
        if broker:
            loops.append(self.receive(broker))
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            self.stopping = True
            self.is_working = False
            await cancel(tasks)
            await self._finish()

    async def _finish(self) -> None:
        """Wait up to the grace period for running jobs; then cancel and release the others."""
        if self.running:
            log.info("jobs_draining", number=len(self.running))
            _, late = await asyncio.wait(self.running, timeout=self.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


WORKER = StateKey[Worker]("worker")
