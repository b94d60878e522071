"""Compare the time to read a list's total from a cache with that of `SELECT count(*)`.

Usage: `uv run python -m benchmarks.cache [rows]`. The cache is first in memory, then on Valkey. The more rows, the
lower the ratio. PostgreSQL and Valkey are real servers.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import copier

from benchmarks.comparison import arguments, report, with_control

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROOT = Path(__file__).parent.parent
ANSWERS = {"features": ["cache"]}
ROUNDS, CALLS = 30, 20


async def cost(count: Callable[[], Awaitable[int]]) -> float:
    """Return the mean latency of `CALLS` sequential calls in microseconds."""
    begun = time.perf_counter()
    for _ in range(CALLS):
        await count()
    return (time.perf_counter() - begun) / CALLS * 1e6


async def prepare(rows: int) -> None:
    """Migrate the service's database, and insert the rows that the benchmark counts."""
    from app.migrate import create, migrate  # of the emitted service, which `main` adds to `sys.path`
    from app.models.product import Product

    await migrate()
    engine = create()
    values = [{"sku": f"SKU-{n}", "title": f"Product {n}", "price": n, "status": "live"} for n in range(rows)]
    async with engine.begin() as connection:
        for begin in range(0, rows, 1000):
            batch = values[begin : begin + 1000]
            await connection.execute(Product.__table__.insert(), batch)
    await engine.dispose()


async def compare(name: str) -> None:
    """Measure a cache hit and the SQL query that it replaces, and print both times."""
    from app.cache.totals import count
    from app.database import READERS
    from app.filtering import count as count_rows
    from app.main import create_app
    from app.services.product import COUNT

    app = create_app()

    async def hit() -> int:
        async with READERS.get(app)() as session:
            return int(await count(session, COUNT))

    async def query() -> int:
        async with READERS.get(app)() as session:
            return int(await count_rows(session, COUNT))

    subjects = with_control({"COUNT": query, "hit": hit})
    async with app.router.lifespan_context(app):
        rounds = [{each: await cost(count_) for each, count_ in subjects.items()} for _ in range(ROUNDS)]
    report(name, "µs", rounds)


async def main(rows: int) -> None:
    """Compare the memory cache, then the Valkey cache, with the query in a rendered service."""
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, data=ANSWERS, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(directory)
        sys.path.insert(0, directory)
        from development import databases, valkey

        with databases.temporary() as url, valkey.temporary() as cache:
            os.environ |= {"DATABASE_URL": url, "LOG_LEVEL": "error", "TRUSTED_HOSTS": "*"}
            await prepare(rows)
            await compare("memory")
            os.environ["CACHE_URL"] = cache
            await compare("valkey")


if __name__ == "__main__":
    asyncio.run(main(arguments(__doc__, "rows", 100_000).number))
