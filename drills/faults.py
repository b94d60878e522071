"""What happens to a production, one after the other."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import asyncpg

from drills.machines import REPLICAS, THERE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drills.production import Production

AWAY = 4.0  # seconds that something is away
HOLDERS = 40  # connections that keep a pool filled


async def nothing(_: Production) -> None:
    """Nothing happens."""
    await asyncio.sleep(2 * AWAY)


async def rollout(production: Production) -> None:
    """Every replica is replaced, one after the other, by SIGTERM."""
    for name in REPLICAS:
        machine = production.machines[name]
        code = await asyncio.to_thread(machine.end, signal.SIGTERM)
        assert code == 0, f"{name} ends with {code}"
        await asyncio.to_thread(machine.start)
        await asyncio.sleep(1)  # as a rollout waits until the balancer has seen it


def away(name: str, number: signal.Signals) -> Callable[[Production], Awaitable[None]]:
    """Give what ends a machine, and starts it again after a while."""

    async def fault(production: Production) -> None:
        machine = production.machines[name]
        await asyncio.to_thread(machine.end, number)
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(machine.start)

    return fault


async def migrations(production: Production) -> None:
    """Three replicas migrate the same new database at once."""
    await production.ask("CREATE DATABASE other", database="postgres")
    url = {"DATABASE_DIRECT_URL": f"postgresql://postgres@/other?host={production.sockets}"}
    begun = [production.app("migrate", **url) for _ in range(3)]
    for each in begun:
        told, _ = await asyncio.to_thread(each.communicate)
        assert each.returncode == 0, told.decode()
    [kept] = await production.ask("SELECT count(*) FROM alembic_version", database="other")
    assert kept["count"] == 1


async def full(_: Production) -> None:
    """Somebody else holds more connections than the pooler has."""

    async def hold() -> None:
        connection = await asyncpg.connect(user="postgres", host=THERE, port=6432, database="app", timeout=60)
        try:
            await connection.execute(f"SELECT pg_sleep({AWAY})")
        finally:
            await connection.close()

    await asyncio.gather(*(hold() for _ in range(HOLDERS)))


async def cut(production: Production) -> None:
    """Nothing gets through to the database, and nobody is told."""
    production.network.cut()
    try:
        await asyncio.sleep(AWAY)
    finally:
        production.network.mend()


FAULTS: dict[str, Callable[[Production], Awaitable[None]]] = {
    "nothing": nothing,
    "rollout, SIGTERM": rollout,
    "a replica killed": away("replica-1", signal.SIGKILL),
    "a worker killed": away("worker-1", signal.SIGKILL),
    "PostgreSQL restarted": away("postgresql", signal.SIGINT),
    "PostgreSQL killed": away("postgresql", signal.SIGKILL),
    "PgBouncer killed": away("pgbouncer", signal.SIGKILL),
    "Valkey killed": away("valkey", signal.SIGKILL),
    "three migrations": migrations,
    "the pool filled": full,
    "the network cut": cut,
}
