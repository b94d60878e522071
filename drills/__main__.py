"""Runs the drill, and writes what came of it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from drills.faults import FAULTS
from drills.load import Load
from drills.machines import required
from drills.production import ROOT, Production, build
from drills.report import Phase, page, picture

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = 3.0  # seconds without a failure, after which a fault is over
LONGEST = 90.0  # seconds that it may take until then
PAGE, PICTURE = ROOT / "docs" / "drill.md", ROOT / "docs" / "drill.svg"


async def settle(load: Load, since: float) -> None:
    """Wait until callers have had good answers for a while."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        now = time.monotonic()
        failed = [call.end for call in load.calls if call.at >= since and not call.ok]
        if now - max(failed, default=since) > QUIET and any(call.at > now - 1 and call.ok for call in load.calls):
            return


async def settled(question: Callable[[], object]) -> None:
    """Wait until nothing is left to be done."""
    deadline = time.monotonic() + LONGEST
    while await question() and time.monotonic() < deadline:  # type: ignore[misc]
        await asyncio.sleep(0.5)


async def lost(production: Production, load: Load) -> tuple[set[str], set[str]]:
    """Find what was acknowledged and is not there: rows that were written, and jobs that were done."""
    rows = {str(row["id"]) for row in await production.ask("SELECT id FROM products")}
    jobs = {str(row["id"]) for row in await production.ask("SELECT id FROM jobs WHERE state = 'done'")}
    return (
        {call.made for call in load.acknowledged("write")} - rows,
        {call.made for call in load.acknowledged("ask")} - jobs,
    )


async def run(chosen: list[str]) -> list[Phase]:
    """Have each fault happen while callers call."""
    phases: list[Phase] = []
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        production = await build(place, stack)
        load = Load(production.url)
        async with load.going_on():
            await settle(load, time.monotonic())
            for name in chosen:
                print(f"{name} …", end=" ", flush=True)
                begin = time.monotonic()
                await FAULTS[name](production)
                over = time.monotonic()
                await settle(load, begin)
                phases.append(Phase(name, begin, over, time.monotonic(), load))
                print(phases[-1].line, flush=True)

        async def undone() -> object:
            return await production.ask("SELECT 1 FROM jobs WHERE state <> 'done' LIMIT 1")

        await settled(undone)
        rows, jobs = await lost(production, load)
        for phase in phases:
            phase.lost = rows | jobs
    return phases


def main(chosen: list[str]) -> int:
    """Run the drill; say by the exit code whether a rollout failed a request, or anything was lost."""
    required()
    phases = asyncio.run(run(chosen or list(FAULTS)))
    if not chosen:
        PAGE.write_text(page(phases), encoding="utf-8")
        PICTURE.write_text(picture(phases), encoding="utf-8")
        print(f"{PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")
    bad = [phase.name for phase in phases if phase.is_bad]
    print(f"Not as promised: {', '.join(bad)}" if bad else "As promised.")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
