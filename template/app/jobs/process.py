"""The worker process, which runs the service without its HTTP server."""

import asyncio
import signal

import structlog

from app.jobs.broker import BROKER
from app.jobs.worker import WORKER
from app.main import create_app

log = structlog.get_logger()


def worker() -> None:
    """Run jobs until SIGTERM or Ctrl-C, then shut down gracefully."""
    asyncio.run(work())


async def work() -> None:
    """Run jobs until a signal arrives; then finish or release the running jobs."""
    app = create_app()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with app.router.lifespan_context(app), WORKER.get(app).working(BROKER.get(app)):
        log.info("worker_ready")
        await stop.wait()
        log.info("worker_stopping")
    log.info("worker_stopped")
