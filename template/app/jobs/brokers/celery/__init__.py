"""Broker that uses Celery on Valkey to deliver each job ID to one worker.

A message contains only the ID of a job. A lost message does no harm, since workers also poll the
database for jobs.

Celery is imported lazily, since the import takes half a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from sqlalchemy import URL

from app import valkey

TIMEOUT = 5.0  # seconds for a reply of Valkey to a worker

Handler = Callable[[UUID], Awaitable[None]]


class Broker:
    """Broker that delivers job IDs to workers through a Celery queue."""

    def __init__(self, url: URL, name: str) -> None:
        from app.jobs.brokers.celery.producer import JobProducer

        self.url = url
        self.name = name
        self.producer = JobProducer(url, name, valkey.TIMEOUT)
        self.thread = ThreadPoolExecutor(1, "celery-producer")

    async def send(self, job_id: UUID) -> None:
        """Send a job ID to one of the workers.

        Raises:
            ConnectionError: Valkey is unavailable.
        """
        run = asyncio.get_running_loop().run_in_executor
        await run(self.thread, self.producer.send, str(job_id))

    async def receive(self, handle: Handler) -> None:
        """Consume job IDs until cancelled.

        A message is acknowledged when `handle` returns.

        Raises:
            ConnectionError: Valkey is unavailable.
        """
        from app.jobs.brokers.celery.consumer import consume

        await consume(self.url, self.name, handle, TIMEOUT)

    async def close(self) -> None:
        """Close the producer's connection, and end its thread."""
        await asyncio.get_running_loop().run_in_executor(self.thread, self.producer.close)
        self.thread.shutdown()
