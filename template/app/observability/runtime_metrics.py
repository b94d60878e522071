"""What a process tells of itself: its connections, its event loop, its memory and its time."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
from sqlalchemy import Engine, PoolProxiedConnection

TICK = 0.5  # seconds between two looks at the event loop
LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
STATE = "db.client.connection.state"
STATM = Path("/proc/self/statm")  # of Linux; its second number is what is in memory, in pages


class PoolWatch:
    """Counts an engine's connections, and who waits for one."""

    def __init__(self, engine: Engine) -> None:
        self.pool: Any = engine.pool
        self.waiting = 0

    @contextmanager
    def counting(self) -> Generator[None, None, None]:
        """Count who waits, for a while."""
        connect = self.pool.connect

        def counted() -> PoolProxiedConnection:
            self.waiting += 1
            try:
                connection: PoolProxiedConnection = connect()
            finally:
                self.waiting -= 1
            return connection

        self.pool.connect = counted
        try:
            yield
        finally:
            self.pool.connect = connect


class RuntimeMetrics:
    """The instruments of a process; their names are OpenTelemetry's, where it has one."""

    def __init__(self, meter: Meter) -> None:
        self.pools: list[PoolWatch] = []
        self.lag = meter.create_histogram(
            "asyncio.event_loop.lag",
            unit="s",
            description="How late the event loop turns to what is due.",
            explicit_bucket_boundaries_advisory=LAGS,
        )
        meter.create_observable_gauge(
            "db.client.connection.count",
            [self.connections],
            description="Connections to the database, by their state.",
        )
        meter.create_observable_gauge(
            "db.client.connection.pending_requests",
            [self.waiting],
            description="Who waits for a connection to the database.",
        )
        meter.create_observable_counter(
            "process.cpu.time", [spent], unit="s", description="Time of the processor's."
        )
        meter.create_observable_gauge(
            "process.memory.usage", [held], unit="By", description="Memory that is in use."
        )

    def connections(self, _: CallbackOptions) -> Iterable[Observation]:
        """Count the connections of every pool."""
        for state, count in (("used", "checkedout"), ("idle", "checkedin")):
            number = sum(getattr(watch.pool, count)() for watch in self.pools)
            yield Observation(number, {STATE: state})

    def waiting(self, _: CallbackOptions) -> Iterable[Observation]:
        """Count who waits for a connection."""
        yield Observation(sum(watch.waiting for watch in self.pools))

    @contextmanager
    def watching(self, engine: Engine) -> Generator[None, None, None]:
        """Watch an engine's pool, for a while."""
        watch = PoolWatch(engine)
        self.pools.append(watch)
        with watch.counting():
            yield
        self.pools.remove(watch)

    @asynccontextmanager
    async def timing(self) -> AsyncGenerator[None, None]:
        """Time the event loop, for a while."""
        task = asyncio.create_task(self.time())
        yield
        task.cancel()

    async def time(self) -> None:
        """Ask to be woken, and see how late that is."""
        while True:
            due = time.perf_counter() + TICK
            await asyncio.sleep(TICK)
            self.lag.record(max(0.0, time.perf_counter() - due))


def spent(_: CallbackOptions) -> Iterable[Observation]:
    """Read how long the process has run."""
    times = os.times()
    yield Observation(times.user, {"cpu.mode": "user"})
    yield Observation(times.system, {"cpu.mode": "system"})


def held(_: CallbackOptions) -> Iterable[Observation]:
    """Read how much memory the process holds, where the system says so."""
    if STATM.exists():
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        yield Observation(pages * os.sysconf("SC_PAGE_SIZE"))


@cache
def runtime_metrics(meters: MeterProvider) -> RuntimeMetrics:
    """Give the instruments of a process, made once."""
    return RuntimeMetrics(meters.get_meter(__name__))
