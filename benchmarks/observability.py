"""How much processor time observability adds to a request: one service, measured in each way it can be set.

Use: `uv run python -m benchmarks.observability [rounds]`. As in `throughput.py`, figures are of the servers' threads,
those that export included.
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

BATCH = {"OTEL_BSP_SCHEDULE_DELAY": "100"}  # milliseconds, so that a round pays for what it sends


def ways() -> dict[str, dict[str, str]]:
    """Give the variables of each way, the first being the one that the others are compared with."""
    metrics = {"METRICS_PORT": str(free_port())}
    traces = {"OTEL_METRICS_EXPORTER": "none", **BATCH}
    tenth = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}
    both = {"METRICS_PORT": str(free_port()), **traces}
    return {"off": {}, "metrics": metrics, "traces": traces, "traces, 10 %": traces | tenth, "both": both}


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


async def main(effort: Effort, observed: dict[str, dict[str, str]]) -> None:
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
                for name, way in observed.items():
                    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector} if BATCH.items() <= way.items() else {}
                    environment = {"DATABASE_URL": url, "DOCS": "true", **way, **given}
                    targets[name] = await stack.enter_async_context(served(["-m", "app", "serve"], **environment))
                compared = with_control(targets)
                for title, path in {"without the database": "/openapi.json", "one row": one}.items():
                    await compare(title, compared, dict.fromkeys(compared, path), effort)


if __name__ == "__main__":
    given = arguments(__doc__, "rounds", 20)
    every = ways()
    asyncio.run(main(Effort.of(given), {name: every[name] for name in (("off", "both") if given.smoke else every)}))
