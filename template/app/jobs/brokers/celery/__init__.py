"""Celery on Valkey: tells workers of jobs, each message to one of them.

A message holds the id of a job and no more. One that is lost is no loss: the row is what counts,
and workers look for those they were not told of.

Celery is imported where it is needed, for it takes half a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from sqlalchemy import URL

from app import valkey

PATIENCE = 5.0  # seconds that Valkey's answer to a worker may take

Hear = Callable[[UUID], Awaitable[None]]


class Broker:
    """Carries the ids of jobs to workers, by a queue of Celery's."""

    def __init__(self, url: URL, name: str) -> None:
        from app.jobs.brokers.celery.producer import Sender

        self.url = url
        self.name = name
        self.sender = Sender(url, name, valkey.TIMEOUT)
        self.thread = ThreadPoolExecutor(1, "celery-sender")

    async def send(self, job_id: UUID) -> None:
        """Tell some worker of a job.

        Raises:
            ConnectionError: Valkey does not answer.
        """
        sending = asyncio.get_running_loop().run_in_executor
        await sending(self.thread, self.sender.send, str(job_id))

    async def receive(self, hear: Hear) -> None:
        """Hear of jobs until this is cancelled; a message is gone once `hear` has returned.

        Raises:
            ConnectionError: Valkey does not answer.
        """
        from app.jobs.brokers.celery.consumer import listen

        await listen(self.url, self.name, hear, PATIENCE)

    async def close(self) -> None:
        """Close what is open."""
        await asyncio.get_running_loop().run_in_executor(self.thread, self.sender.close)
        self.thread.shutdown()
