"""How a worker hears of jobs: a worker of Celery's, in a thread beside the service's event loop.

Celery's own tools see it. Its pool has one thread, which waits until the service has begun the job.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from socket import gethostname
from typing import Any
from uuid import UUID

from celery import Celery
from celery.bootsteps import Blueprint
from celery.concurrency.thread import TaskPool
from celery.exceptions import Reject, WorkerShutdown
from celery.worker import WorkController
from celery.worker.consumer import Consumer
from kombu import Connection
from kombu.asynchronous import set_event_loop
from sqlalchemy import URL

from app.jobs.brokers.celery.celery_app import LOST, TASK, JobsApp

# What Celery logs from which level on: no two lines for every job, and none for one given back.
LEVELS = {
    "celery": logging.WARNING,
    "celery.app.trace": logging.ERROR,
    "kombu": logging.WARNING,
}

Hear = Callable[[UUID], Awaitable[None]]


class Pool(TaskPool):
    """A thread that knows which program its tasks are of."""

    def __init__(self, limit: int, *, app: Celery[Any], **more: Any) -> None:  # noqa: ANN401
        super().__init__(limit, app=app, **more)
        self.executor = ThreadPoolExecutor(limit, "celery-pool", app.set_current)


class Ear(Consumer):
    """A consumer that ends with its connection: the service begins anew, once Valkey is back."""

    def ensure_connected(self, conn: Connection) -> Connection:
        """Connect, or fail, at once."""
        return conn.ensure_connection(max_retries=0)

    def start(self) -> None:
        """Consume, until the connection is lost or the worker stops."""
        self.blueprint.start(self)


class Listener(WorkController):
    """A worker of Celery's that hands on what it is told."""

    blueprint: Blueprint  # type: ignore[mutable-override]  # as it is once this is made
    hub: Any

    def __init__(self, program: JobsApp, tell: Callable[[str], None]) -> None:
        program.task(name=TASK, acks_late=True, shared=False)(tell)
        set_event_loop(None)  # so that no other worker of this process has the same
        super().__init__(
            program,
            f"{program.main}-{os.getpid()}@{gethostname()}",
            pool=Pool,
            concurrency=1,
            consumer_cls=Ear,
            queues=[program.queue],
            without_gossip=True,
            without_mingle=True,
            use_eventloop=True,
        )
        self.is_ending = False
        self.hub.on_tick.add(self._end)

    def start(self) -> None:
        """Work until the end, in this thread."""
        self.app.set_current()
        try:
            self.blueprint.start(self)
        except WorkerShutdown:
            pass
        finally:
            self.stop()

    def end(self) -> None:
        """Have the worker stop; any thread may call this."""
        self.is_ending = True
        self.hub.call_soon(bool)  # wakes it

    def _end(self) -> None:
        """Stop, now that what was to be confirmed is."""
        if self.is_ending:
            raise WorkerShutdown


class Hearing:
    """Has the service's event loop hear what a thread of Celery's is told."""

    def __init__(self, hear: Hear) -> None:
        self.hear = hear
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self.stopping = False

    def tell(self, job_id: str) -> None:
        """Tell of a job, in a thread of Celery's; where the worker stops, give it back."""
        told = asyncio.run_coroutine_threadsafe(self._told(UUID(job_id)), self.loop)
        try:
            told.result()
        except CancelledError:
            raise Reject(requeue=True) from None

    def stop(self) -> None:
        """Hear no more."""
        self.stopping = True
        for task in self.tasks:
            task.cancel()

    async def _told(self, job_id: UUID) -> None:
        if self.stopping:
            raise asyncio.CancelledError
        hearing = asyncio.ensure_future(self.hear(job_id))
        self.tasks.add(hearing)
        hearing.add_done_callback(self.tasks.discard)
        await hearing


async def listen(url: URL, name: str, hear: Hear, patience: float) -> None:
    """Hear of jobs until this is cancelled, and then until Celery's threads have ended.

    Raises:
        ConnectionError: Valkey does not answer.
    """
    for logger, level in LEVELS.items():
        logging.getLogger(logger).setLevel(level)
    hearing = Hearing(hear)
    listener = Listener(JobsApp(url, name, patience), hearing.tell)
    with ThreadPoolExecutor(1, "celery-worker") as thread:
        running = hearing.loop.run_in_executor(thread, listener.start)
        is_cancelled = await _over(running, hearing, listener)
    error = running.exception()
    if is_cancelled:
        raise asyncio.CancelledError
    if isinstance(error, LOST):
        raise ConnectionError(type(error.__cause__ or error).__name__) from error
    if error:
        raise error


async def _over(running: asyncio.Future[None], hearing: Hearing, listener: Listener) -> bool:
    """Wait until the worker has stopped; have it stop once this is cancelled, and say so."""
    is_cancelled = False
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            is_cancelled = True
            hearing.stop()
            listener.end()
    return is_cancelled
