"""Claude Code hook: before an edit, a warning; after it, format, lint and tests.

The output is passed on to the assistant. Before an edit of a file that the template maintains, the
hook names the place for the service's own code. After an edit of a module, it formats and lints the
module, and runs its tests. It never blocks an edit: errors are reported, and the exit code is 0.
"""  # noqa: INP001 - it is run by its path

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LISTS = ROOT / ".claude" / "footprint"
STARTED_AT = time.monotonic()
TIMEOUT = 50  # seconds of all tools together
MAX_LINES = 25  # of the output of a tool: the last ones

# `fast_tests` starts the database early; the plugin of Hypothesis imports all of it at the end.
TESTS = [
    "pytest",
    "-q",
    "--tb=short",
    "--maxfail=3",
    "-p",
    "fast_tests",
    "-p",
    "no:hypothesispytest",
]

# The place for the service's own code, by the path of the edited file; the first match counts.
EXTENSION_POINTS = {
    "pyproject.toml": "Add requirements below the marker lines.",
    ".env.example": "Add lines at its end, below the marker line.",
    ".gitignore": "Add lines at its end, below the marker line.",
    "*/settings.env": "Add lines at its end, below the marker line.",
    "*/overlays/*/kustomization.yaml": "Add lines at its end, below the marker line.",
    "AGENTS.md": "Add lines at its end, below the marker line.",
    "CLAUDE.md": "Add lines at its end; personal notes belong in CLAUDE.local.md.",
    ".claude/settings.json": "Personal settings belong in .claude/settings.local.json.",
    ".copier-answers.yml": "Change answers by `uv run slipway.py update --data` or `add`.",
    "app/main.py": "Write a module with `install(app)`, and add only its call here.",
    "app/settings.py": "Declare the setting in your own module, next to its use.",
    "app/errors.py": "Define a subclass of one of its errors next to the code that raises it.",
    "app/*/*": "Add a module of your own: routers and models are discovered.",
    "app/*": "Add a module of your own.",
    "migrations/*": "Write a revision: `uv run app revision`.",
    "tests/*": "Add a test module of your own.",
    "docs/*": "Add a page of your own.",
    "*": "Use a file of your own, if the tool reads several.",
}


def is_maintained(path: str) -> bool:
    """Return whether the template maintains the file with this path."""
    lines = (line for each in LISTS.glob("*.txt") for line in each.read_text("utf-8").splitlines())
    return any(fnmatchcase(path, line) for line in lines if not line.startswith("#"))


def warn(path: str) -> str:
    """Return a warning if the template maintains the file, else an empty text."""
    if not is_maintained(path) or not (ROOT / path).exists():
        return ""
    advice = next(text for pattern, text in EXTENSION_POINTS.items() if fnmatchcase(path, pattern))
    return f"{path} belongs to the template: updates may change it. {advice}"


def tests_of(path: str) -> str:
    """Return the path of the test module of a module; empty if there is none."""
    if path.startswith("migrations/"):
        return "tests/database/test_migrations.py"
    place = PurePosixPath(path)
    name = f"test_{place.stem.removeprefix('test_')}.py"
    mirrored = ROOT / "tests" / place.parent.relative_to(place.parts[0]) / name
    modules = [mirrored] if mirrored.exists() else sorted((ROOT / "tests").rglob(name))
    return modules[0].relative_to(ROOT).as_posix() if modules else ""


def run(*arguments: str) -> tuple[bool, str]:
    """Run a tool; return whether it succeeded, and the last lines of its output."""
    command = [sys.executable, "-m", *arguments]
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    remaining = max(1, STARTED_AT + TIMEOUT - time.monotonic())
    try:
        process = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=remaining,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"{arguments[0]} timed out in the hook: run it manually"
    lines = (process.stdout + process.stderr).strip().splitlines()[-MAX_LINES:]
    return process.returncode == 0, "\n".join(lines)


def check(path: str) -> str:
    """Format, lint and test a module; return a summary and the output of the tools that failed."""
    return "\n".join(report(path)) if path.endswith(".py") and (ROOT / path).exists() else ""


def report(path: str) -> Iterator[str]:
    """Yield the summary of all tools, then the output of each tool that failed."""
    before = (ROOT / path).read_bytes()
    # Unused imports are reported but not removed: the next edit may use them.
    lint = run("ruff", "check", "--quiet", "--fix", "--unfixable", "F401", "--force-exclude", path)
    style = run("ruff", "format", "--quiet", "--force-exclude", path)
    tests = tests_of(path)
    tested = (True, "none found")
    if tests:
        tested = run(*TESTS, "-m", "not drill", tests)
    yield ", ".join(
        [
            f"{path}: {'unchanged' if before == (ROOT / path).read_bytes() else 'reformatted'}",
            f"lint {'clean' if lint[0] and style[0] else 'not clean'}",
            f"{tests or 'tests'}: {tested[1].splitlines()[-1]}",
            f"{time.monotonic() - STARTED_AT:.1f} s in all",
        ]
    )
    yield from (output for has_passed, output in (lint, style, tested) if not has_passed)


EVENTS: dict[str, Callable[[str], str]] = {"PreToolUse": warn, "PostToolUse": check}


def respond(request: dict[str, Any]) -> dict[str, Any]:
    """Return the hook's response to an event; empty if there is nothing to report."""
    event, edited = request["hook_event_name"], Path(request["tool_input"]["file_path"])
    path = (ROOT / edited).resolve()
    if event not in EVENTS or not path.is_relative_to(ROOT):
        return {}
    text = EVENTS[event](path.relative_to(ROOT).as_posix())
    if not text:
        return {}
    output = {"hookEventName": event, "additionalContext": text}
    return {"hookSpecificOutput": output, "systemMessage": text.splitlines()[0]}


def main() -> None:
    """Read an event from standard input and print the response, or the error of the hook."""
    try:
        response = respond(json.load(sys.stdin))
    except Exception as error:  # noqa: BLE001 - an error must not block the edit
        response = {"systemMessage": f"after_edit.py failed: {type(error).__name__}: {error}"}
    if response:
        sys.stdout.write(json.dumps(response) + "\n")


if __name__ == "__main__":
    main()
