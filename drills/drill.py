"""The drill: things go wrong while callers call, and in the end what these were told is looked up."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from drills.faults import FAULTS
from drills.load import Load
from drills.machines import place
from drills.production import build
from drills.report import Drill, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drills.production import Production

LONGEST = 90.0  # seconds that it may take until all is well, and until every job is done
JOBS = """
SELECT id, state, extract(epoch FROM finished_at - created_at)::float AS seconds,
       (SELECT count(*) FROM effects WHERE job = id) AS times
FROM jobs
"""


async def settle(load: Load, quiet: float) -> None:
    """Wait until callers have had good answers, and no others, for so many seconds."""
    begin = time.monotonic()
    while time.monotonic() < begin + LONGEST:
        await asyncio.sleep(0.2)
        failed = max((call.end for call in load.calls if not call.ok), default=begin)
        if load.is_well and time.monotonic() - max(failed, begin) > quiet:
            return


async def finish(production: Production) -> None:
    """Wait until every job is done."""
    begin = time.monotonic()
    while time.monotonic() < begin + LONGEST:
        if not await production.ask("SELECT 1 FROM jobs WHERE state <> 'done' LIMIT 1"):
            return
        await asyncio.sleep(0.5)


async def judge(production: Production, load: Load, phases: list[Phase]) -> Drill:
    """Look up what was acknowledged: the rows that were written, and what each job did."""
    rows = {str(row["id"]) for row in await production.ask("SELECT id FROM products")}
    jobs = {str(row["id"]): row for row in await production.ask(JOBS)}
    done = {key for key, job in jobs.items() if job["state"] == "done" and job["times"]}
    return Drill(
        load=load,
        phases=phases,
        lost={call.made for call in load.made("write")} - rows | {call.made for call in load.made("ask")} - done,
        twice={key for key, job in jobs.items() if job["times"] > 1},
        waited={key: job["seconds"] for key, job in jobs.items() if job["seconds"] is not None},
    )


async def drill(
    service: Path, faults: Iterable[str] = FAULTS, *, away: float = 4, pause: float = 0.03, quiet: float = 3
) -> Drill:
    """Have faults happen, one after the other, to a service that was rendered."""
    phases: list[Phase] = []
    async with AsyncExitStack() as stack:
        production = await build(service, Path(stack.enter_context(place())), stack, away)
        load = Load(production.url, pause)
        async with load.going_on():
            await settle(load, quiet)
            for name in faults:
                begin = time.monotonic()
                await FAULTS[name](production, load)
                over = time.monotonic()
                await settle(load, quiet)
                phases.append(Phase(name, begin, over, time.monotonic(), load))
                print(phases[-1], flush=True)
        await finish(production)
        return await judge(production, load, phases)
