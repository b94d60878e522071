"""What each feature adds to a request and to a start: services that differ in one answer, in the same run.

Use: `uv run python benchmarks/features.py [rounds]`. As in `throughput.py`, a request's figures are the time that the
servers' own threads ran; all are measured in turn, and the least of each is kept. A feature is set as production needs
it, and not otherwise: what it adds where it is told to do more stands in `cache.py` and `observability.py`. A start is
a fresh interpreter that builds the service, in the harness's environment. Look at what is added.
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
from throughput import REQUESTS, ROOT, ROWS, Target, cost, prepare, served

sys.path.insert(0, str(ROOT))
from extensions.plan import plan, questions

PLAIN = "none of them"
PORT, STARTS = 8820, 8
ENOUGH = {"RATELIMIT_DEFAULT": "1000000/minute"}
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


async def compare(targets: dict[str, Target], paths: dict[str, dict[str, str]], rounds: int) -> None:
    """Measure a request to all in turn, and print the least of each and what it adds."""
    for title in paths[PLAIN]:
        best = dict.fromkeys(targets, float("inf"))
        for _ in range(rounds + 1):
            for name, target in targets.items():
                best[name] = min(best[name], await cost(target, paths[name][title], REQUESTS))
        show(title, "µs", best)


def show(title: str, unit: str, best: dict[str, float]) -> None:
    print(f"{title}\n{'':14} {unit:>6} {'added':>6} {'ratio':>6}")
    for name, spent in best.items():
        print(f"{name:14} {spent:6.0f} {spent - best[PLAIN]:6.0f} {spent / best[PLAIN]:6.2f}", flush=True)


async def main(rounds: int) -> None:
    """Render a service for each feature, start each in turn, and run them beside each other."""
    with tempfile.TemporaryDirectory() as found:
        places = {name: Path(found) / name.replace(" ", "-") for name in services()}
        variables = {name: environment(answers, places[name]) for name, answers in services().items()}
        for name, answers in services().items():
            copier.run_copy(str(ROOT), places[name], answers, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        os.chdir(places[PLAIN])
        sys.path.insert(0, str(places[PLAIN]))
        from development import databases  # the emitted service's, now that it is on the path

        with databases.throwaway() as server:
            urls = {name: {"DATABASE_URL": await databases.create(server)} for name in places}
            paths = {}
            for name, place in places.items():
                env = os.environ | variables[name] | urls[name]
                subprocess.run([sys.executable, "-P", "-m", "app", "migrate"], cwd=place, env=env, check=True)
                one = await prepare(urls[name]["DATABASE_URL"])
                paths[name] = {"one row": one, f"list of {ROWS}": f"/api/v1/products?size={ROWS}"}
            turns = [
                {name: start(places[name], variables[name] | urls[name]) for name in places} for _ in range(STARTS)
            ]
            show("start", "ms", {name: min(turn[name] for turn in turns) for name in places})
            async with AsyncExitStack() as stack:
                targets = {}
                for number, name in enumerate(places):
                    command = ["-P", "-m", "app", "serve"]
                    running = served(command, PORT + number, **variables[name], **urls[name])
                    targets[name] = await stack.enter_async_context(running)
                await compare(targets, paths, rounds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
