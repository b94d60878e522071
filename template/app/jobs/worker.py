"""The worker: takes jobs as they come, does so many at once, and loses none when it stops.

The broker tells it of new ones. What it is not told of, it finds: what is to be tried again, what
another worker left, and everything else while the broker is away.
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

LOOK = 5.0  # seconds between two looks for what nobody tells of
LOOK_ALONE = 1.0  # seconds, where there is no broker
TICK = 1.0  # seconds between two looks at the timetable
AGAIN = 1.0  # seconds before a broker that failed is tried again
SWALLOWED = 0.5  # seconds after which a task that was cancelled and goes on is cancelled again

log = structlog.get_logger()


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended.

    Until Python 3.12, `asyncio.wait_for`, with which redis sends, may keep a cancellation to itself
    (https://github.com/python/cpython/issues/86296).
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=SWALLOWED)


class Worker:
    """Does jobs, so many at once."""

    def __init__(self, app: FastAPI, hands: int, grace: float) -> None:
        self.app = app
        self.hands = asyncio.Semaphore(hands)
        self.grace = grace  # seconds
        self.woken = asyncio.Event()
        self.running: set[asyncio.Task[None]] = set()
        self.is_working = False
        self.stopping = False

    def wake(self, job_id: UUID) -> None:
        """Look for jobs now."""
        _ = job_id
        self.woken.set()

    async def begin(self, job_id: UUID | None = None) -> bool:
        """Take a job as soon as a hand is free, and begin it; say whether there was one."""
        await self.hands.acquire()
        job = None
        try:
            if not self.stopping:
                job = await store.claim(SESSIONS.get(self.app), job_id)
        finally:
            if job is None:
                self.hands.release()
        if job is None:
            return False
        doing_it = asyncio.create_task(self._do(job))
        self.running.add(doing_it)
        doing_it.add_done_callback(self.running.discard)
        return True

    async def _do(self, job: Job) -> None:
        try:
            await execution.execute(self.app, job)
        except Exception:
            log.exception("a job is left to the next worker", job=str(job.id))
        finally:
            self.hands.release()

    async def hear(self, job_id: UUID) -> None:
        """Begin the job that the broker tells of, unless somebody has."""
        try:
            await self.begin(job_id)
        except Exception as error:  # noqa: BLE001 - it is found later
            log.warning("no job can be taken", error=type(error).__name__)

    async def find(self, pause: float) -> None:
        """Look for jobs that nobody tells of, again and again, after so many seconds."""
        while True:
            self.woken.clear()
            try:
                while await self.begin():
                    pass
            except Exception as error:  # noqa: BLE001 - the next look may go well
                log.warning("no job can be taken", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.woken.wait()

    async def listen(self, broker: Broker) -> None:
        """Hear of new jobs, as long as the broker answers, and once it does again."""
        lost = False
        while True:
            try:
                await broker.receive(self.hear)
            except ConnectionError as error:
                if not lost:
                    log.warning("the broker is away; jobs are looked for", error=str(error))
                lost = True
                await asyncio.sleep(AGAIN)

    async def keep_time(self) -> None:
        """Ask for periodic jobs as they become due."""
        while True:
            try:
                await SCHEDULER.get(self.app).ask(SESSIONS.get(self.app))
            except Exception as error:  # noqa: BLE001 - the next time may go well
                log.warning("no periodic job can be asked for", error=type(error).__name__)
            await asyncio.sleep(TICK)

    @asynccontextmanager
    async def working(self, broker: Broker | None = None) -> AsyncGenerator[None, None]:
        """Work until the context ends; then finish what is begun, or give it back.

        Where this works already, as in a worker's process in development, nothing is added.
        """
        if self.is_working:
            yield
            return
        self.is_working = True
        alone = [self.find(LOOK if broker else LOOK_ALONE), self.keep_time()]
        loops = [*alone, self.listen(broker)] if broker else alone
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            self.stopping = True
            self.is_working = False
            await end(tasks)
            await self._finish()

    async def _finish(self) -> None:
        if self.running:
            log.info("jobs are finished", number=len(self.running))
            _, late = await asyncio.wait(self.running, timeout=self.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


WORKER = StateKey[Worker]("worker")
