"""Faults that a drill can inject, such as outages, network partitions and load peaks."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import asyncpg

from drills.machines import DATABASE_ADDRESS, REPLICAS, WORKERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drills.load import Load
    from drills.production import Production

    Fault = Callable[[Production, Load], Awaitable[None]]

HOLDERS = 20  # connections that exhaust the pooler's pool
PEAK = 8  # times the usual number of clients
DURATION = 12.0  # seconds, longer than the statement timeout


async def baseline(production: Production, _: Load) -> None:
    """Inject no fault, to record how requests behave without one."""
    await asyncio.sleep(2 * production.downtime)


async def rolling_restart(production: Production, _: Load) -> None:
    """Restart each replica and worker with SIGTERM, one after another."""
    for name in (*REPLICAS, *WORKERS):
        machine = production.machines[name]
        code = await asyncio.to_thread(machine.stop, signal.SIGTERM)
        assert code in {0, -signal.SIGTERM}, f"{name} exits with {code}"
        await asyncio.to_thread(machine.start)
        await asyncio.sleep(1)  # the balancer probes readiness meanwhile


def outage(name: str, number: signal.Signals) -> Fault:
    """Return a fault that stops a machine with a signal, and restarts it after the downtime."""

    async def fault(production: Production, _: Load) -> None:
        machine = production.machines[name]
        await asyncio.to_thread(machine.stop, number)
        await asyncio.sleep(production.downtime)
        await asyncio.to_thread(machine.start)

    return fault


async def concurrent_migrations(production: Production, _: Load) -> None:
    """Run `migrate` in three processes on one new database; exactly one must apply the revisions."""
    await production.execute("CREATE DATABASE other OWNER app", database="postgres")
    url = {"DATABASE_DIRECT_URL": f"postgresql://app@/other?host={production.sockets}"}
    processes = [production.start_command("migrate", **url) for _ in range(3)]
    outputs = [(await asyncio.to_thread(each.communicate))[0].decode() for each in processes]
    assert [each.returncode for each in processes] == [0, 0, 0], outputs
    [versions] = await production.fetch("SELECT count(*) FROM alembic_version", database="other")
    [tables] = await production.fetch("SELECT count(*) FROM products", database="other")
    assert (versions["count"], tables["count"]) == (1, 0)


async def exhausted_pool(_: Production, __: Load) -> None:
    """Occupy all connections of PgBouncer by other clients, for longer than the statement timeout."""

    async def hold() -> None:
        connection = await asyncpg.connect(user="app", host=DATABASE_ADDRESS, port=6432, database="app", timeout=60)
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(f"SELECT pg_sleep({DURATION})")
        await connection.close()

    await asyncio.gather(*(hold() for _ in range(HOLDERS)))


async def load_peak(production: Production, load: Load) -> None:
    """Send several times as many requests while a table is locked, so that connection pools run empty."""
    async with load.running(PEAK):
        await production.execute(f"BEGIN; LOCK TABLE products; SELECT pg_sleep({DURATION}); COMMIT")


async def network_partition(production: Production, _: Load) -> None:
    """Drop all packets to and from the database, without closing connections."""
    production.network.disconnect()
    try:
        await asyncio.sleep(DURATION)
    finally:
        production.network.reconnect()


FAULTS: dict[str, Fault] = {
    "baseline": baseline,
    "rolling restart": rolling_restart,
    "replica killed": outage("replica-1", signal.SIGKILL),
    "worker killed": outage("worker-1", signal.SIGKILL),
    "PostgreSQL stopped": outage("postgresql", signal.SIGINT),
    "PostgreSQL killed": outage("postgresql", signal.SIGKILL),
    "PgBouncer killed": outage("pgbouncer", signal.SIGKILL),
    "Valkey killed": outage("valkey", signal.SIGKILL),
    "concurrent migrations": concurrent_migrations,
    "pool exhausted": exhausted_pool,
    "table lock and load peak": load_peak,
    "network partition": network_partition,
}
