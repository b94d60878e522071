"""What each feature adds to a request and to a start: services that differ in one answer, in the same run.

Use: `uv run python -m benchmarks.features [rounds]`. As in `throughput.py`, a request's figures are the time that the
servers' own threads ran. A feature is set as production needs it, and not otherwise: what it adds where it does more
stands in `cache.py` and `observability.py`. A start is a fresh interpreter that builds the service, in the harness's
environment.
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

PLAIN = "none of them"
STARTS = 8
ENOUGH = {"RATELIMIT_DEFAULT": "1000000/minute"}
SERVICE = ["-P", "-m", "app"]
START = "import app.main; app.main.create_app()"


def services() -> dict[str, dict[str, Any]]:
    """Give the answers of each service, by what it has that the first has not."""
    asked = questions()
    single = {name: {"tasks": name} for name in asked["tasks"]["choices"].values() if name != "none"}
    return {PLAIN: {}, **single, **{name: {"features": [name]} for name in asked["features"]["choices"].values()}}


def environment(answers: dict[str, Any], directory: Path) -> dict[str, str]:
    """Name what production needs; none of it is asked for anything."""
    given = {name: question["default"] for name, question in questions().items()} | answers | {"resources": []}
    stand_ins = {each["name"]: each["value"] for each in plan(given)["stand_ins"]}
    return {**stand_ins, **ENOUGH, "PYTHONPATH": str(directory)}


def start(directory: Path, variables: dict[str, str]) -> float:
    """Measure the milliseconds that a fresh interpreter takes to build the service."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", START], cwd=directory, env=os.environ | variables, check=True)
    return (time.perf_counter() - begun) * 1e3


async def migrated(directory: Path, variables: dict[str, str]) -> dict[str, str]:
    """Make the tables and the rows; return the path of each request."""
    env = os.environ | variables
    migration = await asyncio.create_subprocess_exec(sys.executable, *SERVICE, "migrate", cwd=directory, env=env)
    if await migration.wait():
        raise RuntimeError(f"{directory}: not migrated")
    one = await prepare(variables["DATABASE_URL"])
    return {"one row": one, f"list of {ROWS}": f"/api/v1/products?size={ROWS}"}


async def main(effort: Effort, measured: dict[str, dict[str, Any]]) -> None:
    """Render a service for each feature, start each in turn, and run them beside each other."""
    with tempfile.TemporaryDirectory() as found:
        places = {name: Path(found) / name.replace(" ", "-") for name in measured}
        for name, answers in measured.items():
            copier.run_copy(str(ROOT), places[name], answers, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(places[PLAIN])
        sys.path.insert(0, str(places[PLAIN]))
        from development import databases

        with databases.throwaway() as server:
            variables = {
                name: environment(answers, places[name]) | {"DATABASE_URL": await databases.create(server)}
                for name, answers in measured.items()
            }
            paths = {name: await migrated(place, variables[name]) for name, place in places.items()}
            turns = with_control({name: (place, variables[name]) for name, place in places.items()})
            starts = [{name: start(*given) for name, given in turns.items()} for _ in range(min(effort.rounds, STARTS))]
            report("start", "ms", starts)
            async with AsyncExitStack() as stack:
                servers = {
                    name: await stack.enter_async_context(served([*SERVICE, "serve"], **variables[name]))
                    for name in places
                }
                targets, asked = with_control(servers), with_control(paths)
                for title in paths[PLAIN]:
                    await compare(title, targets, {name: each[title] for name, each in asked.items()}, effort)


if __name__ == "__main__":
    given = arguments(__doc__, "rounds", 20)
    asyncio.run(main(Effort.of(given), {PLAIN: {}} if given.smoke else services()))
