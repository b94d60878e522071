"""Measure the CPU time that metrics and traces add to a request of a service.

Usage: `uv run python -m benchmarks.observability [rounds]`. One service runs with several settings. As in
`throughput.py`, the cost is the CPU time of the server's threads, including those of exporters.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import copier

from benchmarks.comparison import arguments, with_control
from benchmarks.throughput import ROOT, Effort, compare, free_port, prepare, served

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

BATCH = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # milliseconds, so that a round includes the export of its spans


def configurations() -> dict[str, dict[str, str]]:
    """Return the environment variables of each measured configuration, the baseline first."""
    metrics = {"METRICS_PORT": str(free_port())}
    traces = {"OTEL_METRICS_EXPORTER": "none", **BATCH}
    tenth = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    both = {"METRICS_PORT": str(free_port()), **traces}
    return {"off": {}, "metrics": metrics, "traces": traces, "traces, 10 %": traces | tenth, "both": both}


@asynccontextmanager
async def run_collector() -> AsyncGenerator[str, None]:
    """Run an OTLP server that discards all telemetry, and yield its URL."""

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


async def main(effort: Effort, observed: dict[str, dict[str, str]]) -> None:
    """Render a service with observability, and measure its CPU time per request in each configuration."""
    with tempfile.TemporaryDirectory() as directory:
        answers = {"features": ["observability"]}
        copier.run_copy(str(ROOT), directory, answers, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(directory)
        sys.path.insert(0, directory)
        os.environ["PYTHONPATH"] = directory
        from development.databases import temporary

        with temporary() as url:
            one = await prepare(url)
            async with AsyncExitStack() as stack:
                collector = await stack.enter_async_context(run_collector())
                targets = {}
                for name, configuration in observed.items():
                    exports = BATCH.items() <= configuration.items()
                    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector} if exports else {}
                    environment = {"DATABASE_URL": url, "DOCS": "true", **configuration, **endpoint}
                    targets[name] = await stack.enter_async_context(served(["-m", "app", "serve"], **environment))
                compared = with_control(targets)
                for title, path in {"without the database": "/openapi.json", "one row": one}.items():
                    await compare(title, compared, dict.fromkeys(compared, path), effort)


if __name__ == "__main__":
    options = arguments(__doc__, "rounds", 20)
    every = configurations()
    asyncio.run(main(Effort.of(options), {name: every[name] for name in (("off", "both") if options.smoke else every)}))
