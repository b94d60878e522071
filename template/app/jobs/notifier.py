"""Notifier that sends the IDs of committed jobs to the broker in the background."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog

from app.jobs.broker import Broker

QUEUE_SIZE = 10_000  # job IDs; workers find further jobs by polling
GRACE = 1.0  # seconds to send the remaining job ids at shutdown

log = structlog.get_logger()


class Notifier:
    """Sends job IDs to the broker while it is available; callers never wait for it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.queue: asyncio.Queue[UUID] = asyncio.Queue(QUEUE_SIZE)
        self.is_failing = False

    def notify(self, job_id: UUID) -> None:
        """Queue a job ID for the broker; drop it if the queue is full."""
        with suppress(asyncio.QueueFull):
            self.queue.put_nowait(job_id)

    async def run(self) -> None:
        """Send the queued job IDs to the broker, one at a time."""
        while True:
            job_id = await self.queue.get()
            try:
                await self.broker.send(job_id)
            except ConnectionError as error:
                self._report(error)
            else:
                self.is_failing = False
            finally:
                self.queue.task_done()

    def _report(self, error: Exception) -> None:
        """Log the first failure of an outage.

        Workers find jobs by polling during the outage.
        """
        if not self.is_failing:
            log.warning("job_notification_failed", error=str(error))
        self.is_failing = True

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Send job IDs while the service runs; at shutdown, send the rest for at most `GRACE`."""
        task = asyncio.create_task(self.run())
        yield
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.queue.join()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self.broker.close()
