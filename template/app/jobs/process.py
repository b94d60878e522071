"""The worker's process: the service without its server."""

import asyncio
import signal

import structlog

from app.jobs.broker import BROKER
from app.jobs.worker import WORKER
from app.main import create_app

log = structlog.get_logger()


def worker() -> None:
    """Do jobs until SIGTERM or Ctrl-C; then finish what is begun, or give it back."""
    asyncio.run(work())


async def work() -> None:
    """Do jobs until a signal ends it."""
    app = create_app()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with app.router.lifespan_context(app), WORKER.get(app).working(BROKER.get(app)):
        log.info("the worker is ready")
        await stop.wait()
        log.info("the worker stops")
    log.info("the worker has stopped")
