"""How much processor time observability adds to a request: one service, measured in each way it can be set.

Use: `uv run python benchmarks/observability.py [rounds]`. As in `throughput.py`, figures are of the servers' threads,
those that export included; all are measured in turn, and the least of each is kept. Look at what is added.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import copier
from throughput import REQUESTS, ROOT, Target, cost, prepare, served

BATCH = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # milliseconds, so that a round pays for what it sends
WAYS = {
    "off": {},
    "metrics": {"METRICS_PORT": "8811"},
    "traces": {"OTEL_METRICS_EXPORTER": "none", **BATCH},
    "traces, 10 %": {
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
        **BATCH,
    },
    "both": {"METRICS_PORT": "8812", "OTEL_METRICS_EXPORTER": "none", **BATCH},
}
PORT = 8800


@asynccontextmanager
async def collecting() -> AsyncGenerator[str, None]:
    """Answer whatever is sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def compare(targets: dict[str, Target], paths: dict[str, str], rounds: int) -> None:
    """Measure all in turn, and print the least of each and what it adds."""
    for title, path in paths.items():
        best = dict.fromkeys(targets, float("inf"))
        for _ in range(rounds + 1):
            for name, target in targets.items():
                best[name] = min(best[name], await cost(target, path, REQUESTS))
        print(f"{title}\n{'':14} {'µs':>6} {'added':>6} {'ratio':>6}")
        for name, spent in best.items():
            print(f"{name:14} {spent:6.0f} {spent - best['off']:6.0f} {spent / best['off']:6.2f}")


async def main(rounds: int) -> None:
    """Render a service that can be observed, and run it in each way."""
    with tempfile.TemporaryDirectory() as directory:
        answers = {"features": ["observability"]}
        copier.run_copy(str(ROOT), directory, answers, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(directory)
        sys.path.insert(0, directory)
        os.environ["PYTHONPATH"] = directory
        from development.databases import throwaway

        with throwaway() as url:
            one = await prepare(url)
            async with AsyncExitStack() as stack:
                collector = await stack.enter_async_context(collecting())
                targets = {}
                for number, (name, way) in enumerate(WAYS.items()):
                    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector} if BATCH.items() <= way.items() else {}
                    environment = {"DATABASE_URL": url, "DOCS": "true", **way, **given}
                    targets[name] = await stack.enter_async_context(
                        served(["-m", "app", "serve"], PORT + number, **environment)
                    )
                paths = {"without the database": "/openapi.json", "one row": one}
                await compare(targets, paths, rounds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
