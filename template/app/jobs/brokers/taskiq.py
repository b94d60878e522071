"""Taskiq on Valkey: tells workers of jobs, each message to one of them.

A message holds the id of a job and no more. One that is lost is no loss: the row is what counts,
and workers look for those they were not told of.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy import URL
from taskiq.exceptions import SendTaskError
from taskiq.kicker import AsyncKicker
from taskiq.utils import maybe_awaitable
from taskiq_redis import RedisStreamBroker

from app import valkey

TASK = "job"
KEPT = 10_000  # messages, read or not; older ones go
FETCHED = 10  # messages at once
BLOCK = 1.0  # seconds that the server waits for a message before it answers
PATIENCE = 5.0  # seconds that its answer may take
IDLE = 60.0  # seconds after which what one worker was told is told to another

Hear = Callable[[UUID], Awaitable[None]]


class Broker:
    """Carries the ids of jobs to workers, by a stream of Valkey's."""

    def __init__(self, url: URL, name: str) -> None:
        self.url = url
        self.name = name
        self.sender = self._stream(valkey.TIMEOUT)
        self.kicker: AsyncKicker[[str], None] = AsyncKicker(TASK, self.sender, {})

    async def send(self, job_id: UUID) -> None:
        """Tell some worker of a job.

        Raises:
            ConnectionError: Valkey does not answer.
        """
        try:
            await self.kicker.kiq(str(job_id))
        except SendTaskError as error:
            raise ConnectionError(type(error.__cause__).__name__) from error

    async def receive(self, hear: Hear) -> None:
        """Hear of jobs until this is cancelled; a message is gone once `hear` has returned.

        Raises:
            ConnectionError: Valkey does not answer.
        """
        stream = self._stream(PATIENCE)
        try:
            await stream.startup()
            async with aclosing(stream.listen()) as messages:
                async for message in messages:
                    told = stream.formatter.loads(message.data)
                    await hear(UUID(told.args[0]))
                    await maybe_awaitable(message.ack())
        except RedisError as error:
            raise ConnectionError(type(error).__name__) from error
        finally:
            await stream.shutdown()

    async def close(self) -> None:
        """Close what is open."""
        await self.sender.shutdown()

    def _stream(self, patience: float) -> RedisStreamBroker:
        stream = RedisStreamBroker(
            "redis://",
            queue_name=f"jobs:{self.name}",
            consumer_group_name="workers",
            consumer_id="0",  # from the first message on
            xread_count=FETCHED,
            xread_block=round(BLOCK * 1000),
            maxlen=KEPT,
            idle_timeout=round(IDLE * 1000),
            unacknowledged_lock_timeout=IDLE,
        )
        stream.connection_pool = valkey.connection_pool(self.url, patience)
        return stream
