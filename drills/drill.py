"""Inject faults while clients send requests, then verify that acknowledged writes and jobs are in the database."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from drills.faults import FAULTS
from drills.load import Load
from drills.machines import shared_directory
from drills.production import build
from drills.report import Drill, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drills.production import Production

LONGEST = 90.0  # seconds to wait for recovery, and for the queue to drain
JOBS = """
SELECT id, state, extract(epoch FROM finished_at - created_at)::float AS seconds,
       (SELECT count(*) FROM effects WHERE job = id) AS runs
FROM jobs
"""


async def wait_for_recovery(load: Load, quiet: float) -> None:
    """Wait until all requests have succeeded for `quiet` seconds."""
    begin = time.monotonic()
    while time.monotonic() < begin + LONGEST:
        await asyncio.sleep(0.2)
        failed = max((call.end for call in load.calls if not call.ok), default=begin)
        if load.is_healthy and time.monotonic() - max(failed, begin) > quiet:
            return


async def drain_queue(production: Production) -> None:
    """Wait until the workers have finished all jobs."""
    begin = time.monotonic()
    while time.monotonic() < begin + LONGEST:
        if not await production.fetch("SELECT 1 FROM jobs WHERE state <> 'done' LIMIT 1"):
            return
        await asyncio.sleep(0.5)


async def verify(production: Production, load: Load, phases: list[Phase]) -> Drill:
    """Compare the database with the acknowledged requests, and return the drill's result."""
    rows = {str(row["id"]) for row in await production.fetch("SELECT id FROM products")}
    jobs = {str(row["id"]): row for row in await production.fetch(JOBS)}
    done = {key for key, job in jobs.items() if job["state"] == "done" and job["runs"]}
    return Drill(
        load=load,
        phases=phases,
        lost={call.acknowledged for call in load.acknowledged("write")} - rows
        | {call.acknowledged for call in load.acknowledged("enqueue")} - done,
        duplicates={key for key, job in jobs.items() if job["runs"] > 1},
        durations={key: job["seconds"] for key, job in jobs.items() if job["seconds"] is not None},
    )


async def drill(
    service: Path, faults: Iterable[str] = FAULTS, *, downtime: float = 4, pause: float = 0.03, quiet: float = 3
) -> Drill:
    """Run a rendered service as in production, and inject faults one after another."""
    phases: list[Phase] = []
    async with AsyncExitStack() as stack:
        production = await build(service, Path(stack.enter_context(shared_directory())), stack, downtime)
        load = Load(production.url, pause)
        async with load.running():
            await wait_for_recovery(load, quiet)
            for name in faults:
                begin = time.monotonic()
                await FAULTS[name](production, load)
                fault_end = time.monotonic()
                await wait_for_recovery(load, quiet)
                phases.append(Phase(name, begin, fault_end, time.monotonic(), load))
                print(phases[-1], flush=True)
        await drain_queue(production)
        return await verify(production, load, phases)
