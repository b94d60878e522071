"""Collect the status of many services in parallel, without changing them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

PARALLEL = 4
LISTS = ("yours", "stale", "missing")  # of paths
COLUMNS = ("service", "version", "newest", "behind", "yours", "stale", "missing", "error")


def statuses(directories: list[str], answers_file: str) -> list[dict[str, Any]]:
    """Compute the status of each service in a separate process, and return them in the given order."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        return [*pool.map(partial(status, answers_file=answers_file), directories)]


def status(directory: str, answers_file: str) -> dict[str, Any]:
    """Return the JSON object of a service's `status --json`, with its directory and, on failure, a key `error`."""
    options = ("--service", directory, "--answers-file", answers_file)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "slipway", "status", "--json", *options],
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return {"service": directory, **json.loads(done.stdout)}
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return {"service": directory, "error": last[0]}


def cells(status: dict[str, Any]) -> list[str]:
    """Return the cells of a service's row in the table, each as a single line."""
    shown = status | {name: len(status[name]) for name in LISTS if name in status}
    return [" ".join(str(shown.get(column, "")).split()) for column in COLUMNS]


def exit_code(statuses: list[dict[str, Any]]) -> int:
    """Return 2 if the status of a service is unknown, 1 if a service is behind or has drifted, otherwise 0."""
    return max(({"current": 0, "behind": 1, "unknown": 2}[state(each)] for each in statuses), default=0)


def state(status: dict[str, Any]) -> str:
    """Return the state of a service as one word."""
    if "error" in status:
        return "unknown"
    return "behind" if status["behind"] or status["stale"] or status["missing"] else "current"
