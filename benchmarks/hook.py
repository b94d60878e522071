"""How long the hook takes that follows an edit, against running the same tests as ever.

Use: `uv run python benchmarks/hook.py [rounds]`. Both are measured in turn, as whole processes, in the default service
and its own environment; the least of each is kept, and the median, for it is a person who waits.
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

ROOT = Path(__file__).parent.parent
UV = ["uv", "run", "--no-sync"]
TESTS = [*UV, "pytest", "-q", "tests/test_product.py"]
HOOK = [*UV, "python", ".claude/hooks/edits.py"]
BUDGET = 3  # seconds
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


def main(rounds: int) -> None:
    """Render the default service, and edit a module of it in turn with running that module's tests."""
    with tempfile.TemporaryDirectory() as directory:
        copier.run_copy(str(ROOT), directory, vcs_ref="HEAD", defaults=True, unsafe=True, quiet=True)
        place = Path(directory, "app", "services", "product.py")
        event = json.dumps({"hook_event_name": "PostToolUse", "tool_input": {"file_path": str(place)}})
        seconds(["uv", "run", "--quiet", "--compile-bytecode", *TESTS[3:]], directory)
        seconds(HOOK, directory, event)
        pairs = [(seconds(TESTS, directory), seconds(HOOK, directory, event)) for _ in range(rounds)]
    for name, column in zip(("tests", "hook"), zip(*pairs, strict=True), strict=True):
        print(f"{name:<5} {min(column):.2f} s at least, {statistics.median(column):.2f} s as a rule")
    tests, hook = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"ratio {hook / tests:.2f}, budget {BUDGET} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
