"""What comes with an edit: a word of warning before it; format, lint and tests after it.

Claude Code runs this before and after each edit, and tells its assistant what it prints. Who edits
a file that the template keeps is told where the service's own part would stand. A module is
formatted and linted, and the tests of its name are run. Nothing here holds an edit up: what goes
wrong is told, and the exit code is 0.
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
PATIENCE = 50  # seconds that all tools may take together
LINES = 25  # of what a tool says, which are told: the last ones

# Tests begin early, and go without Hypothesis's plugin, which imports all of it when they end.
TESTS = ["pytest", "-q", "--tb=short", "--maxfail=3", "-p", "early", "-p", "no:hypothesispytest"]

# Where the service's own part stands, by the path of what is edited; the first that fits counts.
SEAMS = {
    "pyproject.toml": "Add requirements below the lines that say where the template's part ends.",
    ".env.example": "Add lines at its end, below the one that divides.",
    ".gitignore": "Add lines at its end, below the one that divides.",
    "*/settings.env": "Add lines at its end, below the one that divides.",
    "*/overlays/*/kustomization.yaml": "Add lines at its end, below the one that divides.",
    "AGENTS.md": "Add lines at its end, below the one that divides.",
    "CLAUDE.md": "Add lines at its end; what is yours alone belongs in CLAUDE.local.md.",
    ".claude/settings.json": "What is yours alone belongs in .claude/settings.local.json.",
    ".copier-answers.yml": "Change answers by `uv run slipway.py update --data` or `add`.",
    "app/main.py": "Write a module with `install(app)`, and add nothing here but its call.",
    "app/settings.py": "Add a setting to the class nearest to its use, in a module of your own.",
    "app/errors.py": "Write a subclass of one of its errors beside the code that raises it.",
    "app/*/*": "Write a module of your own beside it: routers and models are found by themselves.",
    "app/*": "Write a module of your own beside it.",
    "migrations/*": "Write a revision: `uv run app revision`.",
    "tests/*": "Write a module of tests of your own beside it.",
    "docs/*": "Write a page of your own beside it.",
    "*": "Put what is yours into a file of its own, if the tool reads several.",
}


def kept(path: str) -> bool:
    """Say whether the template keeps a file of this path."""
    lines = (line for each in LISTS.glob("*.txt") for line in each.read_text("utf-8").splitlines())
    return any(fnmatchcase(path, line) for line in lines if not line.startswith("#"))


def warn(path: str) -> str:
    """Name the place for what is the service's own, where the template keeps this file."""
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
    """Run a tool of the service's; say whether all is well, and what it says."""
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
    """Format, lint and test what was edited; tell in a line what was done, then what is wrong."""
    return "\n".join(told(path)) if path.endswith(".py") and (ROOT / path).exists() else ""


def told(path: str) -> Iterator[str]:
    """Do one thing after the other, and tell of it."""
    before = (ROOT / path).read_bytes()
    # An import that nobody uses may be one that the next edit uses, so it is told and stays.
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
    """Answer an event of Claude Code's; nothing where there is nothing to say."""
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
    """Read an event, and print the answer; an error of this script is told like any other word."""
    try:
        said = answer(json.load(sys.stdin))
    except Exception as error:  # noqa: BLE001 - whatever it is, the edit goes on
        said = {"systemMessage": f"edits.py could not do its work: {type(error).__name__}: {error}"}
    if said:
        sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
