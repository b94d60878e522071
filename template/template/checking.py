"""The service's own checks: what its pipeline runs, but for the slow drills."""

import os
import shlex
import subprocess
import time
from pathlib import Path

from .printing import say

CHECKS = (
    "uv sync",
    "uv run ruff check",
    "uv run ruff format --check",
    "uv run lint-imports",
    "uv run deptry .",
    "uv run mypy",
    'uv run pytest -q -m "not drill"',
)
OF_ANOTHER = {"UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"}  # they name another checkout's packages
LINES = 40  # of what a check says where it fails: the last ones


def check(directory: Path) -> str:
    """Run one check after another; gives the first that fails, or nothing."""
    for command in CHECKS:
        begun = time.monotonic()
        say(f"  {command} …")
        if said := fails(directory, command):
            say(said)
            return command
        say(f"  ✓ {time.monotonic() - begun:.0f} s")
    return ""


def fails(directory: Path, command: str) -> str:
    """Run a command as its user would, and give the end of what it said, where it fails."""
    variables = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER}
    run = subprocess.run(
        shlex.split(command),
        cwd=directory,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    said = "\n".join(run.stdout.rstrip().splitlines()[-LINES:])
    return (said or f"It ended with {run.returncode}.") if run.returncode else ""
