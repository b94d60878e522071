"""Consumer of jobs, which runs a Celery worker in a separate thread.

Celery's tools can inspect this worker. The worker's pool has one thread, which waits until the
service has started the job.
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

from app.jobs.brokers.celery.celery_app import BROKER_ERRORS, TASK, JobsApp

# Celery would log two lines for each job, and a warning for each that is requeued.
LOG_LEVELS = {
    "celery": logging.WARNING,
    "celery.app.trace": logging.ERROR,
    "kombu": logging.WARNING,
}

Handler = Callable[[UUID], Awaitable[None]]


class JobThreadPool(TaskPool):
    """Thread pool that makes the given Celery app the current app of its threads."""

    def __init__(self, limit: int, *, app: Celery[Any], **options: Any) -> None:  # noqa: ANN401
        super().__init__(limit, app=app, **options)
        self.executor = ThreadPoolExecutor(limit, "celery-pool", app.set_current)


class JobConsumer(Consumer):
    """Consumer that stops when its connection is lost, since the service itself reconnects."""

    def ensure_connected(self, conn: Connection) -> Connection:
        """Connect to the broker in one attempt."""
        return conn.ensure_connection(max_retries=0)

    def start(self) -> None:
        """Consume messages until the connection is lost or the worker stops."""
        self.blueprint.start(self)


class JobWorker(WorkController):
    """Celery worker that passes each job ID to a function."""

    blueprint: Blueprint  # type: ignore[mutable-override]  # as after `__init__`
    hub: Any

    def __init__(self, app: JobsApp, dispatch: Callable[[str], None]) -> None:
        app.task(name=TASK, acks_late=True, shared=False)(dispatch)
        set_event_loop(None)  # otherwise, workers of one process would share an event loop
        super().__init__(
            app,
            f"{app.main}-{os.getpid()}@{gethostname()}",
            pool=JobThreadPool,
            concurrency=1,
            consumer_cls=JobConsumer,
            queues=[app.queue],
            without_gossip=True,
            without_mingle=True,
            use_eventloop=True,
        )
        self.is_stopping = False
        self.hub.on_tick.add(self._shut_down)

    def start(self) -> None:
        """Run the worker in this thread until it is stopped."""
        self.app.set_current()
        try:
            self.blueprint.start(self)
        except WorkerShutdown:
            pass
        finally:
            self.stop()

    def request_stop(self) -> None:
        """Ask the worker to stop soon; thread-safe."""
        self.is_stopping = True
        self.hub.call_soon(bool)  # wakes the event loop

    def _shut_down(self) -> None:
        """Raise `WorkerShutdown` in the worker's event loop if a stop was requested.

        Pending acknowledgements are sent before.
        """
        if self.is_stopping:
            raise WorkerShutdown


class Dispatcher:
    """Runs the handler of each Celery message on the service's event loop."""

    def __init__(self, handle: Handler) -> None:
        self.handle = handle
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self.stopping = False

    def dispatch(self, job_id: str) -> None:
        """Handle a job ID on the service's event loop, and wait until it is handled.

        Celery calls this in one of its threads. If the worker stops, the job is requeued.
        """
        future = asyncio.run_coroutine_threadsafe(self._handle(UUID(job_id)), self.loop)
        try:
            future.result()
        except CancelledError:
            raise Reject(requeue=True) from None

    def stop(self) -> None:
        """Cancel the running handlers, and start no new ones."""
        self.stopping = True
        for task in self.tasks:
            task.cancel()

    async def _handle(self, job_id: UUID) -> None:
        if self.stopping:
            raise asyncio.CancelledError
        task = asyncio.ensure_future(self.handle(job_id))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        await task


async def consume(url: URL, name: str, handle: Handler, timeout: float) -> None:  # noqa: ASYNC109 - of a socket
    """Consume job IDs until cancelled; then wait until Celery's threads have ended.

    Args:
        url: the URL of Valkey
        name: the name of the service, which is also the name of the queue
        handle: called with each job id
        timeout: seconds for a reply of Valkey

    Raises:
        ConnectionError: Valkey is unavailable.
    """
    for logger, level in LOG_LEVELS.items():
        logging.getLogger(logger).setLevel(level)
    dispatcher = Dispatcher(handle)
    worker = JobWorker(JobsApp(url, name, timeout), dispatcher.dispatch)
    with ThreadPoolExecutor(1, "celery-worker") as thread:
        running = dispatcher.loop.run_in_executor(thread, worker.start)
        is_cancelled = await _wait_until_stopped(running, dispatcher, worker)
    error = running.exception()
    if is_cancelled:
        raise asyncio.CancelledError
    if isinstance(error, BROKER_ERRORS):
        raise ConnectionError(type(error.__cause__ or error).__name__) from error
    if error:
        raise error


async def _wait_until_stopped(
    running: asyncio.Future[None], dispatcher: Dispatcher, worker: JobWorker
) -> bool:
    """Wait until the worker has stopped; if cancelled, stop the worker and return True."""
    is_cancelled = False
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            is_cancelled = True
            dispatcher.stop()
            worker.request_stop()
    return is_cancelled
