"""Runtime metrics of a process: connection pools, event loop lag, memory and CPU time."""

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

LAG_INTERVAL = 0.5  # seconds between two measurements of event loop lag
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
STATE_ATTRIBUTE = "db.client.connection.state"
STATM = Path("/proc/self/statm")  # Linux only; the second number is the resident memory in pages


class PoolMonitor:
    """Counts the callers that wait for a connection of an engine's pool."""

    def __init__(self, engine: Engine) -> None:
        self.pool: Any = engine.pool
        self.waiting = 0

    @contextmanager
    def counting(self) -> Generator[None, None, None]:
        """Count waiting callers while the context is open."""
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
    """Metrics of a process: connection pools, event loop lag, memory and CPU time.

    Metrics for which OpenTelemetry has a conventional name use that name.
    """

    def __init__(self, meter: Meter) -> None:
        self.pools: list[PoolMonitor] = []
        self._observe_pools(meter)
        self.lag = meter.create_histogram(
            "asyncio.event_loop.lag",
            unit="s",
            description="Event loop lag: how late the loop runs a timer.",
            explicit_bucket_boundaries_advisory=LAG_BUCKETS,
        )
        meter.create_observable_counter(
            "process.cpu.time", [cpu_time], unit="s", description="CPU time of the process."
        )
        meter.create_observable_gauge(
            "process.memory.usage",
            [memory_usage],
            unit="By",
            description="Resident memory of the process.",
        )

    def _observe_pools(self, meter: Meter) -> None:
        meter.create_observable_gauge(
            "db.client.connection.count",
            [self.connections],
            description="Connections of the database pool, by state.",
        )
        meter.create_observable_gauge(
            "db.client.connection.pending_requests",
            [self.waiting],
            description="Callers that wait for a connection of the database pool.",
        )

    def connections(self, _: CallbackOptions) -> Iterable[Observation]:
        """Observe the number of connections in all pools, by state."""
        for state, count in (("used", "checkedout"), ("idle", "checkedin")):
            number = sum(getattr(monitor.pool, count)() for monitor in self.pools)
            yield Observation(number, {STATE_ATTRIBUTE: state})

    def waiting(self, _: CallbackOptions) -> Iterable[Observation]:
        """Observe the number of callers that wait for a connection."""
        yield Observation(sum(monitor.waiting for monitor in self.pools))

    @contextmanager
    def observing_pool(self, engine: Engine) -> Generator[None, None, None]:
        """Measure an engine's connection pool while the context is open."""
        monitor = PoolMonitor(engine)
        self.pools.append(monitor)
        with monitor.counting():
            yield
        self.pools.remove(monitor)

    @asynccontextmanager
    async def measuring_lag(self) -> AsyncGenerator[None, None]:
        """Measure the event loop lag while the context is open."""
        task = asyncio.create_task(self.measure_lag())
        yield
        task.cancel()

    async def measure_lag(self) -> None:
        """Record, every `LAG_INTERVAL`, how late a timer fires."""
        while True:
            due = time.perf_counter() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self.lag.record(max(0.0, time.perf_counter() - due))


def cpu_time(_: CallbackOptions) -> Iterable[Observation]:
    """Observe the CPU time of the process, by mode."""
    times = os.times()
    yield Observation(times.user, {"cpu.mode": "user"})
    yield Observation(times.system, {"cpu.mode": "system"})


def memory_usage(_: CallbackOptions) -> Iterable[Observation]:
    """Observe the resident memory of the process (Linux only)."""
    if STATM.exists():
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        yield Observation(pages * os.sysconf("SC_PAGE_SIZE"))


@cache
def runtime_metrics(meters: MeterProvider) -> RuntimeMetrics:
    """Return the metrics of this process; create them at the first call."""
    return RuntimeMetrics(meters.get_meter(__name__))
