"""Compare the startup time of the emitted service with the time to import its main dependencies.

Usage: `uv run python -m benchmarks.cold_start [rounds]`. Each measurement is a new process, in an environment with
production dependencies only; a smoke test uses the harness's environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import copier

from benchmarks.comparison import arguments, report, with_control

ROOT = Path(__file__).parent.parent
FLOOR = "import fastapi, sqlalchemy.ext.asyncio, pydantic_settings"
SERVICE = "import app.main; app.main.create_app()"
GOAL = 1.3  # times the floor


def seconds(python: str, program: str, directory: str) -> float:
    """Run `program` in a new Python interpreter, and return the run time in seconds."""
    settings = {"DATABASE_URL": "postgresql://app@localhost/app", "TRUSTED_HOSTS": "localhost"}
    environment = {**os.environ, **settings, "PYTHONPATH": directory}
    begun = time.perf_counter()
    subprocess.run([python, "-P", "-c", program], cwd=directory, env=environment, check=True)
    return time.perf_counter() - begun


def install(directory: str) -> str:
    """Install the service's production dependencies, and return the path of the Python interpreter."""
    command = ["uv", "sync", "--quiet", "--no-dev", "--no-install-project", "--compile-bytecode"]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(command, cwd=directory, env=environment, check=True)
    return f"{directory}/.venv/bin/python"


def main(rounds: int, *, smoke: bool) -> None:
    """Render the default service, and time its startup and its dependencies' import in interleaved rounds."""
    subjects = with_control({"floor": FLOOR, "service": SERVICE})
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        python = sys.executable if smoke else install(directory)
        if not smoke:
            seconds(python, SERVICE, directory)  # warm-up: compiles bytecode
        measured = [
            {name: seconds(python, program, directory) for name, program in subjects.items()} for _ in range(rounds)
        ]
    report(f"start, goal {GOAL}", "s", measured, digits=2)


if __name__ == "__main__":
    options = arguments(__doc__, "rounds", 10)
    main(options.number, smoke=options.smoke)
