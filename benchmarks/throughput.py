"""Compare the CPU time per request of the emitted service and of the baseline in `floor.py`.

Usage: `uv run python -m benchmarks.throughput [rounds]`. CPU time is that of the server's threads, from /proc (Linux
only).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import copier
from httpx2 import AsyncClient, TransportError

from benchmarks.comparison import arguments, report, with_control

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import AsyncGenerator, Mapping

ROOT = Path(__file__).parent.parent
ROWS, CONNECTIONS = 50, 8
GOALS = {"one row": 5.5, "list of 50": 4.5}  # times the floor


class Effort(NamedTuple):
    """Number of measured rounds, and of requests per round."""

    rounds: int
    requests: int = 400

    @classmethod
    def of(cls, options: Namespace) -> Effort:
        """Return the rounds of the command line, with fewer requests per round in a smoke test."""
        return cls(options.number, CONNECTIONS) if options.smoke else cls(options.number)


class Target(NamedTuple):
    """Port and process id of a server whose CPU time is measured."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Return the CPU time of all threads of the process, from schedstat."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


async def call(port: int, path: str, times: int) -> None:
    """Send sequential GET requests on one keep-alive connection; raise `RuntimeError` for any status but 200."""
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
    """Return the server's CPU time per request in microseconds, over concurrent connections."""
    before = target.cpu_seconds()
    await asyncio.gather(*(call(target.port, path, requests // CONNECTIONS) for _ in range(CONNECTIONS)))
    return (target.cpu_seconds() - before) / requests * 1e6


@asynccontextmanager
async def served(command: list[str], **environment: str) -> AsyncGenerator[Target, None]:
    """Run a server on a free port, and yield its port and process id once it accepts requests."""
    port = free_port()
    variables = {**os.environ, "PORT": str(port), "TRUSTED_HOSTS": "127.0.0.1,localhost", **environment}
    server = await asyncio.create_subprocess_exec(sys.executable, *command, env=variables, stdout=DEVNULL)
    try:
        async with AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while not await is_live(client):
                if server.returncode is not None:
                    raise RuntimeError(f"{command} exited with {server.returncode}")
                await asyncio.sleep(0.1)
        yield Target(port, server.pid)
    finally:
        server.kill()
        await server.wait()


def free_port() -> int:
    """Return a TCP port on which no server listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def is_live(client: AsyncClient) -> bool:
    """Return whether the server accepts connections."""
    try:
        await client.get("/health/live")
    except TransportError:
        return False
    return True


async def prepare(url: str) -> str:
    """Migrate the service's database, insert rows, and return the path of one row."""
    from app.migrate import create, migrate  # of the emitted service, which `main` adds to `sys.path`
    from app.models.product import Product

    os.environ["DATABASE_URL"] = url
    await migrate()
    engine = create()
    rows = [{"sku": f"SKU-{n}", "title": f"Product {n}", "price": n, "status": "live"} for n in range(ROWS)]
    async with engine.begin() as connection:
        await connection.execute(Product.__table__.insert(), rows)
        key = await connection.scalar(Product.__table__.select().limit(1))
    await engine.dispose()
    return f"/api/v1/products/{key}"


async def compare(title: str, targets: Mapping[str, Target], paths: Mapping[str, str], effort: Effort) -> None:
    """Measure a request to each target server in interleaved rounds, after a warm-up round."""
    measured = [
        {name: await cost(target, paths[name], effort.requests) for name, target in targets.items()}
        for _ in range(effort.rounds + 1)
    ]
    report(title, "µs", measured[1:])


async def main(effort: Effort) -> None:
    """Render the default service, run it and the baseline server, and compare their CPU time per request."""
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(directory)
        sys.path.insert(0, directory)
        os.environ["PYTHONPATH"] = directory
        from development.databases import temporary

        with temporary() as url:
            one = await prepare(url)
            async with (
                served([str(ROOT / "benchmarks" / "floor.py")], DATABASE_URL=url) as floor,
                served(["-m", "app", "serve"], DATABASE_URL=url) as service,
            ):
                targets = with_control({"floor": floor, "service": service})
                for title, path in {"one row": one, f"list of {ROWS}": f"/api/v1/products?size={ROWS}"}.items():
                    await compare(f"{title}, goal {GOALS[title]}", targets, dict.fromkeys(targets, path), effort)


if __name__ == "__main__":
    asyncio.run(main(Effort.of(arguments(__doc__, "rounds", 20))))
