"""Compare the time of the hook that tests an edited file with that of plain pytest.

Usage: `uv run python -m benchmarks.hook [rounds]`. Each measurement is a new process, in the default service and its
environment (in a smoke test, the harness's). A person waits for the hook, so the median is printed, too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import copier

from benchmarks.comparison import arguments, report, with_control

ROOT = Path(__file__).parent.parent
UV = ["uv", "run", "--no-sync"]
TESTS = [*UV, "pytest", "-q", "tests/test_product.py"]
HOOK = [*UV, "python", ".claude/hooks/after_edit.py"]
GOAL = 3  # seconds
UNSET = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}  # owners run in the service's environment, with cached bytecode


def seconds(command: list[str], directory: str, stdin: str = "") -> float:
    """Run a command, whose tests must pass, and return its run time in seconds."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    begun = time.perf_counter()
    output = subprocess.run(
        command, cwd=directory, env=environment, input=stdin, capture_output=True, text=True, check=True
    ).stdout
    took = time.perf_counter() - begun
    if " passed" not in output:
        raise SystemExit(output)
    return took


def main(rounds: int, *, smoke: bool) -> None:
    """Time the hook for one module, and pytest with that module's tests, in a rendered service."""
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        place = Path(directory, "app", "services", "product.py")
        event = json.dumps({"hook_event_name": "PostToolUse", "tool_input": {"file_path": str(place)}})
        if smoke:
            os.environ["UV_PROJECT_ENVIRONMENT"] = sys.prefix
        else:
            seconds(["uv", "run", "--quiet", "--compile-bytecode", *TESTS[3:]], directory)
            seconds(HOOK, directory, event)
        subjects = {"tests": (TESTS, ""), "hook": (HOOK, event)}
        subjects = subjects if smoke else with_control(subjects)
        measured = [
            {name: seconds(command, directory, stdin) for name, (command, stdin) in subjects.items()}
            for _ in range(rounds)
        ]
    report(f"goal of the hook: {GOAL} s", "s", measured, digits=2)
    medians = {name: statistics.median(each[name] for each in measured) for name in subjects}
    print("medians: " + ", ".join(f"{name} {median:.2f} s" for name, median in medians.items()))


if __name__ == "__main__":
    options = arguments(__doc__, "rounds", 10)
    main(options.number, smoke=options.smoke)
