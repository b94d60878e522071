"""What happens to a production, one after the other."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import asyncpg

from drills.machines import REPLICAS, THERE, WORKERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drills.load import Load
    from drills.production import Production

    Fault = Callable[[Production, Load], Awaitable[None]]

HOLDERS = 20  # connections that keep the pooler's pool filled
CROWD = 8  # times as many callers as usual
LONG = 12.0  # seconds, longer than a statement may take


async def nothing(production: Production, _: Load) -> None:
    """Nothing happens."""
    await asyncio.sleep(2 * production.away)


async def rollout(production: Production, _: Load) -> None:
    """Every replica and every worker is replaced, one after the other, by SIGTERM."""
    for name in (*REPLICAS, *WORKERS):
        machine = production.machines[name]
        code = await asyncio.to_thread(machine.end, signal.SIGTERM)
        assert code in {0, -signal.SIGTERM}, f"{name} ends with {code}"
        await asyncio.to_thread(machine.start)
        await asyncio.sleep(1)  # as a rollout waits until the balancer has seen it


def away(name: str, number: signal.Signals) -> Fault:
    """Give what ends a machine, and starts it again after a while."""

    async def fault(production: Production, _: Load) -> None:
        machine = production.machines[name]
        await asyncio.to_thread(machine.end, number)
        await asyncio.sleep(production.away)
        await asyncio.to_thread(machine.start)

    return fault


async def migrations(production: Production, _: Load) -> None:
    """Three replicas migrate the same new database at once."""
    await production.order("CREATE DATABASE other OWNER app", database="postgres")
    url = {"DATABASE_DIRECT_URL": f"postgresql://app@/other?host={production.sockets}"}
    begun = [production.app("migrate", **url) for _ in range(3)]
    told = [(await asyncio.to_thread(each.communicate))[0].decode() for each in begun]
    assert [each.returncode for each in begun] == [0, 0, 0], told
    [kept] = await production.ask("SELECT count(*) FROM alembic_version", database="other")
    [tables] = await production.ask("SELECT count(*) FROM products", database="other")
    assert (kept["count"], tables["count"]) == (1, 0)


async def full(_: Production, __: Load) -> None:
    """Somebody else holds all connections that the pooler has, longer than a statement may take."""

    async def hold() -> None:
        connection = await asyncpg.connect(user="app", host=THERE, port=6432, database="app", timeout=60)
        async with connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute(f"SELECT pg_sleep({LONG})")
        await connection.close()

    await asyncio.gather(*(hold() for _ in range(HOLDERS)))


async def crowd(production: Production, load: Load) -> None:
    """A hundred callers more come while a table is locked, and every pool fills."""
    async with load.going_on(CROWD):
        await production.order(f"BEGIN; LOCK TABLE products; SELECT pg_sleep({LONG}); COMMIT")


async def cut(production: Production, _: Load) -> None:
    """Nothing gets through to the database, and nobody is told."""
    production.network.cut()
    try:
        await asyncio.sleep(LONG)
    finally:
        production.network.mend()


FAULTS: dict[str, Fault] = {
    "nothing": nothing,
    "rollout, SIGTERM": rollout,
    "a replica killed": away("replica-1", signal.SIGKILL),
    "a worker killed": away("worker-1", signal.SIGKILL),
    "PostgreSQL stopped": away("postgresql", signal.SIGINT),
    "PostgreSQL killed": away("postgresql", signal.SIGKILL),
    "PgBouncer killed": away("pgbouncer", signal.SIGKILL),
    "Valkey killed": away("valkey", signal.SIGKILL),
    "three migrations": migrations,
    "the pooler full": full,
    "a table locked, and a crowd": crowd,
    "the network cut": cut,
}
