"""How long the hook takes that follows an edit, against running the same tests as ever.

Use: `uv run python -m benchmarks.hook [rounds]`. Whole processes are measured, in the default service and its own
environment (in a smoke test, in the harness's). A person waits for them, so the median is printed as well.
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
STRANGE = {"VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}  # an owner's bytecode is kept


def seconds(command: list[str], directory: str, given: str = "") -> float:
    """Measure a command, which has to find the service well."""
    environment = {name: value for name, value in os.environ.items() if name not in STRANGE}
    begun = time.perf_counter()
    said = subprocess.run(
        command, cwd=directory, env=environment, input=given, capture_output=True, text=True, check=True
    ).stdout
    took = time.perf_counter() - begun
    if " passed" not in said:
        raise SystemExit(said)
    return took


def main(rounds: int, *, smoke: bool) -> None:
    """Render the default service, and edit a module of it in turn with running that module's tests."""
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
            {name: seconds(command, directory, given) for name, (command, given) in subjects.items()}
            for _ in range(rounds)
        ]
    report(f"goal of the hook: {GOAL} s", "s", measured, digits=2)
    medians = {name: statistics.median(each[name] for each in measured) for name in subjects}
    print("medians: " + ", ".join(f"{name} {median:.2f} s" for name, median in medians.items()))


if __name__ == "__main__":
    parsed = arguments(__doc__, "rounds", 10)
    main(parsed.number, smoke=parsed.smoke)
