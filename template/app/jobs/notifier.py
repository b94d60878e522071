"""How workers are told of jobs that were committed: in the background, by the broker."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog

from app.jobs.broker import Broker

WAITING = 10_000  # jobs; of more, nobody is told, and they are found a little later
GRACE = 1.0  # seconds that the last ones have when the process stops

log = structlog.get_logger()


class Notifier:
    """Tells workers of jobs, as long as the broker answers; nobody waits for it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.waiting: asyncio.Queue[UUID] = asyncio.Queue(WAITING)
        self.lost = False

    def tell(self, job_id: UUID) -> None:
        """Have workers told of a job."""
        with suppress(asyncio.QueueFull):
            self.waiting.put_nowait(job_id)

    async def work(self) -> None:
        """Tell of what waits, one after the other."""
        while True:
            job_id = await self.waiting.get()
            try:
                await self.broker.send(job_id)
            except ConnectionError as error:
                self.lose(error)
            else:
                self.lost = False
            finally:
                self.waiting.task_done()

    def lose(self, error: Exception) -> None:
        """Say once that workers are not told; they find the rows by themselves."""
        if not self.lost:
            log.warning("workers are not told of jobs", error=str(error))
        self.lost = True

    @asynccontextmanager
    async def telling(self) -> AsyncGenerator[None, None]:
        """Tell while the service runs; at its end, those that wait have a moment yet."""
        working = asyncio.create_task(self.work())
        yield
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.waiting.join()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await self.broker.close()
