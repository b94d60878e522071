"""How much processor time a request costs the emitted service, against a floor in the same run.

Use: `uv run python benchmarks/throughput.py [rounds]`. The figures are the time that the servers' own threads ran,
read from /proc (Linux only). Both are measured in turn, in many short rounds, and the least of each is kept: what else
the machine does can only add to it. Look at the ratios.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import copier
from httpx2 import AsyncClient, TransportError

ROOT = Path(__file__).parent.parent
ROWS, CONNECTIONS, REQUESTS = 50, 8, 400
PORTS = {"floor": 8791, "service": 8792}
BUDGET = {"one row": 5.5, "list of 50": 4.5}  # times the floor


class Target(NamedTuple):
    """A server, and the process whose time is measured."""

    port: int
    pid: int

    def seconds(self) -> float:
        """Read how long the threads of the process have run."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


async def call(port: int, path: str, times: int) -> None:
    """Ask for `path` again and again on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(times):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


async def cost(target: Target, path: str, requests: int) -> float:
    """Measure the microseconds that one request costs the server."""
    before = target.seconds()
    await asyncio.gather(*(call(target.port, path, requests // CONNECTIONS) for _ in range(CONNECTIONS)))
    return (target.seconds() - before) / requests * 1e6


@asynccontextmanager
async def served(command: list[str], port: int, **environment: str) -> AsyncGenerator[Target, None]:
    """Run a server until the context ends."""
    server = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PORT": str(port), **environment},
        stdout=subprocess.DEVNULL,
    )
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while not await answers(client):
                await asyncio.sleep(0.1)
        yield Target(port, server.pid)
    finally:
        server.kill()
        server.wait()


async def answers(client: AsyncClient) -> bool:
    """Tell whether the server listens."""
    try:
        await client.get("/health/live")
    except TransportError:
        return False
    return True


async def prepare(url: str) -> str:
    """Make the tables and the rows; give the path of one row."""
    from app.migrate import create, migrate  # the emitted service's, once it is on the path
    from app.models.product import Product

    os.environ["DATABASE_URL"] = url
    await migrate()
    engine = create()
    rows = [{"sku": f"SKU-{n}", "title": f"Product {n}", "price": n, "status": "live"} for n in range(ROWS)]
    async with engine.begin() as connection:
        await connection.execute(Product.__table__.insert(), rows)  # type: ignore[attr-defined]
        key = await connection.scalar(Product.__table__.select().limit(1))
    await engine.dispose()
    return f"/api/v1/products/{key}"


async def compare(floor: Target, service: Target, paths: dict[str, str], rounds: int) -> None:
    """Measure both servers in turn, and print the least of each and their ratio."""
    print(f"{'':12} {'floor µs':>9} {'service µs':>11} {'ratio':>6} {'budget':>7}")
    for name, path in paths.items():
        for target in (floor, service):
            await cost(target, path, REQUESTS)
        pairs = [(await cost(floor, path, REQUESTS), await cost(service, path, REQUESTS)) for _ in range(rounds)]
        below, above = (min(column) for column in zip(*pairs, strict=True))
        print(f"{name:12} {below:9.0f} {above:11.0f} {above / below:6.2f} {BUDGET[name]:7.1f}")


async def main(rounds: int) -> None:
    """Render the default service, run it beside the floor, and compare."""
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(directory)
        sys.path.insert(0, directory)
        os.environ["PYTHONPATH"] = directory
        from development.databases import throwaway

        with throwaway() as url:
            one = await prepare(url)
            async with (
                served([str(ROOT / "benchmarks" / "floor.py")], PORTS["floor"], DATABASE_URL=url) as floor,
                served(["-m", "app", "serve"], PORTS["service"], DATABASE_URL=url) as service,
            ):
                paths = {"one row": one, f"list of {ROWS}": f"/api/v1/products?size={ROWS}"}
                await compare(floor, service, paths, rounds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
