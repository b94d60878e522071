"""Many services at once: which version each has, and how far it has drifted. Only looks."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

COMMAND = Path(__file__).with_name("__main__.py")
AT_ONCE = 4
LISTS = ("yours", "stale", "missing")  # of paths
COLUMNS = ("service", "version", "newest", "behind", "yours", "stale", "missing", "error")


def look(directories: list[str], answers_file: str) -> list[dict[str, Any]]:
    """Ask each service for its status, each in a process of its own, in the order given."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [*pool.map(partial(status, answers_file=answers_file), directories)]


def status(directory: str, answers_file: str) -> dict[str, Any]:
    """Give what `status --json` gives, with the service's name; never raises."""
    options = ("--service", directory, "--answers-file", answers_file)
    run = subprocess.run(
        [sys.executable, COMMAND, "status", "--json", *options],
        env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return {"service": directory, **json.loads(run.stdout)}
    except ValueError:
        last = run.stderr.strip().splitlines()[-1:] or [f"It ended with {run.returncode}."]
        return {"service": directory, "error": last[0]}


def cells(found: dict[str, Any]) -> list[str]:
    """Give what stands in the columns, each on one line."""
    shown = found | {name: len(found[name]) for name in LISTS if name in found}
    return [" ".join(str(shown.get(column, "")).split()) for column in COLUMNS]


def code(found: list[dict[str, Any]]) -> int:
    """Give the exit code: 2 where a service cannot tell, 1 where one is behind or has drifted."""
    return max(({"fine": 0, "behind": 1, "unknown": 2}[kind(each)] for each in found), default=0)


def kind(found: dict[str, Any]) -> str:
    """Say in a word how a service stands."""
    if "error" in found:
        return "unknown"
    return "behind" if found["behind"] or found["stale"] or found["missing"] else "fine"
