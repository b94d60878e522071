"""Broker that uses Taskiq on Valkey to deliver each job ID to one worker.

A message contains only the ID of a job. A lost message does no harm, since workers also poll the
database for jobs.
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
MAX_MESSAGES = 10_000  # messages in the stream, read or unread; older messages are trimmed
BATCH_SIZE = 10  # messages per read
READ_BLOCK = 1.0  # seconds that a read waits for a message
TIMEOUT = 5.0  # seconds for a reply of Valkey to a worker
IDLE_TIMEOUT = 60.0  # seconds until another worker claims an unacknowledged message

Handler = Callable[[UUID], Awaitable[None]]


class Broker:
    """Broker that delivers job IDs to workers through a Valkey stream."""

    def __init__(self, url: URL, name: str) -> None:
        self.url = url
        self.name = name
        self.sender = self._stream(valkey.TIMEOUT)
        self.kicker: AsyncKicker[[str], None] = AsyncKicker(TASK, self.sender, {})

    async def send(self, job_id: UUID) -> None:
        """Send a job ID to one of the workers.

        Raises:
            ConnectionError: Valkey is unavailable.
        """
        try:
            await self.kicker.kiq(str(job_id))
        except SendTaskError as error:
            raise ConnectionError(type(error.__cause__).__name__) from error

    async def receive(self, handle: Handler) -> None:
        """Consume job IDs until cancelled.

        A message is acknowledged when `handle` returns.

        Raises:
            ConnectionError: Valkey is unavailable.
        """
        stream = self._stream(TIMEOUT)
        try:
            await stream.startup()
            async with aclosing(stream.listen()) as deliveries:
                async for delivery in deliveries:
                    message = stream.formatter.loads(delivery.data)
                    await handle(UUID(message.args[0]))
                    await maybe_awaitable(delivery.ack())
        except RedisError as error:
            raise ConnectionError(type(error).__name__) from error
        finally:
            await stream.shutdown()

    async def close(self) -> None:
        """Close the broker's connections."""
        await self.sender.shutdown()

    def _stream(self, timeout: float) -> RedisStreamBroker:
        stream = RedisStreamBroker(
            "redis://",
            queue_name=f"jobs:{self.name}",
            consumer_group_name="workers",
            consumer_id="0",  # the group reads from the first message
            xread_count=BATCH_SIZE,
            xread_block=round(READ_BLOCK * 1000),
            maxlen=MAX_MESSAGES,
            idle_timeout=round(IDLE_TIMEOUT * 1000),
            unacknowledged_lock_timeout=IDLE_TIMEOUT,
        )
        stream.connection_pool = valkey.connection_pool(self.url, timeout)
        return stream
