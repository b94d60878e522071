"""Hooks on edits: a warning before, and formatter, linter and tests after.

Claude Code runs this script before and after each edit, and shows its output to the agent. Edits of
the template's files get a warning with the place for additions. An edited module is formatted and
linted, and the tests of the same name are run. The script never blocks an edit: it reports
failures, and exits with 0.
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
BEGUN = time.monotonic()
PATIENCE = 50  # seconds for all tools together
LINES = 25  # of a tool's output, the last ones

# `early` shortens the start; Hypothesis's plugin would import all of Hypothesis at the end.
TESTS = ["pytest", "-q", "--tb=short", "--maxfail=3", "-p", "early", "-p", "no:hypothesispytest"]

# The place for additions, by path of the edited file; the first match counts.
SEAMS = {
    "pyproject.toml": "Add requirements below the lines that say where the template's part ends.",
    ".env.example": "Add lines at its end, below the one that divides.",
    ".gitignore": "Add lines at its end, below the one that divides.",
    "*/settings.env": "Add lines at its end, below the one that divides.",
    "*/overlays/*/kustomization.yaml": "Add lines at its end, below the one that divides.",
    "AGENTS.md": "Add lines at its end, below the one that divides.",
    "CLAUDE.md": "Add lines at its end; personal instructions belong in CLAUDE.local.md.",
    ".claude/settings.json": "Personal settings belong in .claude/settings.local.json.",
    ".copier-answers.yml": "Change answers by `uv run slipway.py update --data` or `add`.",
    "app/main.py": "Write a module with `install(app)`, and add only its call here.",
    "app/settings.py": "Add a setting to the class nearest to its use, in a module of your own.",
    "app/errors.py": "Write a subclass of one of its errors beside the code that raises it.",
    "app/*/*": "Write a module of your own beside it: routers and models are found by themselves.",
    "app/*": "Write a module of your own beside it.",
    "migrations/*": "Write a revision: `uv run app revision`.",
    "tests/*": "Write a module of tests of your own beside it.",
    "docs/*": "Write a page of your own beside it.",
    "*": "Use a file of your own, if the tool reads several.",
}


def kept(path: str) -> bool:
    """Return whether a path is one of the template's files."""
    lines = (line for each in LISTS.glob("*.txt") for line in each.read_text("utf-8").splitlines())
    return any(fnmatchcase(path, line) for line in lines if not line.startswith("#"))


def warn(path: str) -> str:
    """Return a warning with the place for additions, if the file is the template's."""
    if not kept(path) or not (ROOT / path).exists():
        return ""
    seam = next(words for pattern, words in SEAMS.items() if fnmatchcase(path, pattern))
    return f"{path} is the template's: an update may change the same lines. {seam}"


def tests_of(path: str) -> str:
    """Return the test module of a module, in the folder that mirrors its package; empty if none."""
    if path.startswith("migrations/"):
        return "tests/database/test_migrations.py"
    place = PurePosixPath(path)
    name = f"test_{place.stem.removeprefix('test_')}.py"
    mirrored = ROOT / "tests" / place.parent.relative_to(place.parts[0]) / name
    modules = [mirrored] if mirrored.exists() else sorted((ROOT / "tests").rglob(name))
    return modules[0].relative_to(ROOT).as_posix() if modules else ""


def run(*arguments: str) -> tuple[bool, str]:
    """Run one of the service's tools; return whether it succeeded, and its output."""
    command = [sys.executable, "-m", *arguments]
    found = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    left = max(1, BEGUN + PATIENCE - time.monotonic())
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": found},
            capture_output=True,
            text=True,
            timeout=left,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"{arguments[0]} takes too long for a hook: run it by hand"
    said = (done.stdout + done.stderr).strip().splitlines()[-LINES:]
    return done.returncode == 0, "\n".join(said)


def check(path: str) -> str:
    """Format, lint and test an edited file; return a summary line, then the findings."""
    return "\n".join(told(path)) if path.endswith(".py") and (ROOT / path).exists() else ""


def told(path: str) -> Iterator[str]:
    """Run the tools in order; yield the summary and the findings."""
    before = (ROOT / path).read_bytes()
    # F401: the next edit may use the import, so it is reported and not removed.
    lint = run("ruff", "check", "--quiet", "--fix", "--unfixable", "F401", "--force-exclude", path)
    style = run("ruff", "format", "--quiet", "--force-exclude", path)
    tests = tests_of(path)
    tested = (True, "none of its name")
    if tests:
        tested = run(*TESTS, "-m", "not drill", tests)
    yield ", ".join(
        [
            f"{path}: {'as it was' if before == (ROOT / path).read_bytes() else 'reformatted'}",
            f"lint {'clean' if lint[0] and style[0] else 'not clean'}",
            f"{tests or 'tests'}: {tested[1].splitlines()[-1]}",
            f"{time.monotonic() - BEGUN:.1f} s in all",
        ]
    )
    yield from (words for is_well, words in (lint, style, tested) if not is_well)


EVENTS: dict[str, Callable[[str], str]] = {"PreToolUse": warn, "PostToolUse": check}


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the response to an event of Claude Code; empty if there is nothing to report."""
    event, edited = asked["hook_event_name"], Path(asked["tool_input"]["file_path"])
    path = (ROOT / edited).resolve()
    if event not in EVENTS or not path.is_relative_to(ROOT):
        return {}
    words = EVENTS[event](path.relative_to(ROOT).as_posix())
    if not words:
        return {}
    said = {"hookEventName": event, "additionalContext": words}
    return {"hookSpecificOutput": said, "systemMessage": words.splitlines()[0]}


def main() -> None:
    """Read an event and print the response; errors of this script are reported, too."""
    try:
        said = answer(json.load(sys.stdin))
    except Exception as error:  # noqa: BLE001 - an edit is never blocked
        said = {"systemMessage": f"edits.py could not do its work: {type(error).__name__}: {error}"}
    if said:
        sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
