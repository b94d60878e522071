"""Measure how much time each feature adds to a request and to the startup of a service.

Usage: `uv run python -m benchmarks.features [rounds]`. The compared services differ in one answer. As in
`throughput.py`, the cost of a request is the CPU time of the server's threads. Features have the minimum configuration
for production; `cache.py` and `observability.py` measure them in use. A start is a new interpreter that creates the
app, in the harness's environment.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import copier

from benchmarks.comparison import arguments, report, with_control
from benchmarks.throughput import ROOT, ROWS, Effort, compare, prepare, served
from extensions.slipway_template.answers import questions
from extensions.slipway_template.plan import plan

BASELINE = "no feature"
STARTS = 8
NO_LIMIT = {"RATELIMIT_DEFAULT": "1000000/minute"}
SERVICE = ["-P", "-m", "app"]
START = "import app.main; app.main.create_app()"


def services() -> dict[str, dict[str, Any]]:
    """Return the Copier answers of one service per feature, and of a baseline without features."""
    known = questions()
    single = {name: {"tasks": name} for name in known["tasks"]["choices"].values() if name != "none"}
    return {BASELINE: {}, **single, **{name: {"features": [name]} for name in known["features"]["choices"].values()}}


def environment(answers: dict[str, Any], directory: Path) -> dict[str, str]:
    """Return the environment variables that production requires; their servers are never contacted."""
    answers = {name: question["default"] for name, question in questions().items()} | {"auth": "none"} | answers
    answers |= {"resources": []}
    stand_ins = {each["name"]: each["value"] for each in plan(answers)["stand_ins"]}
    return {**stand_ins, **NO_LIMIT, "PYTHONPATH": str(directory)}


def start(directory: Path, variables: dict[str, str]) -> float:
    """Return the time in milliseconds in which a new Python interpreter creates the app."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", START], cwd=directory, env=os.environ | variables, check=True)
    return (time.perf_counter() - begun) * 1e3


async def migrated(directory: Path, variables: dict[str, str]) -> dict[str, str]:
    """Create tables and rows for a service, and return the paths of the measured requests by title."""
    env = os.environ | variables
    migration = await asyncio.create_subprocess_exec(sys.executable, *SERVICE, "migrate", cwd=directory, env=env)
    if await migration.wait():
        raise RuntimeError(f"{directory}: `app migrate` failed")
    one = await prepare(variables["DATABASE_URL"])
    return {"one row": one, f"list of {ROWS}": f"/api/v1/products?size={ROWS}"}


async def main(effort: Effort, measured: dict[str, dict[str, Any]]) -> None:
    """Render one service per feature, time their startup, then time requests to all of them."""
    with tempfile.TemporaryDirectory() as directory:
        places = {name: Path(directory) / name.replace(" ", "-") for name in measured}
        for name, answers in measured.items():
            copier.run_copy(str(ROOT), places[name], answers, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(places[BASELINE])
        sys.path.insert(0, str(places[BASELINE]))
        from development import databases

        with databases.temporary() as server:
            variables = {
                name: environment(answers, places[name]) | {"DATABASE_URL": await databases.create(server)}
                for name, answers in measured.items()
            }
            paths = {name: await migrated(place, variables[name]) for name, place in places.items()}
            turns = with_control({name: (place, variables[name]) for name, place in places.items()})
            rounds = range(min(effort.rounds, STARTS))
            starts = [{name: start(*subject) for name, subject in turns.items()} for _ in rounds]
            report("start", "ms", starts)
            async with AsyncExitStack() as stack:
                servers = {
                    name: await stack.enter_async_context(served([*SERVICE, "serve"], **variables[name]))
                    for name in places
                }
                targets, requests = with_control(servers), with_control(paths)
                for title in paths[BASELINE]:
                    await compare(title, targets, {name: each[title] for name, each in requests.items()}, effort)


if __name__ == "__main__":
    options = arguments(__doc__, "rounds", 20)
    asyncio.run(main(Effort.of(options), {BASELINE: {}} if options.smoke else services()))
