"""Run the checks that the service's CI pipeline runs, except for tests marked `drill`."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from typing import TYPE_CHECKING

from slipway.console import echo

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping
    from pathlib import Path

STATIC = (
    "uv sync",
    "uv run ruff check",
    "uv run ruff format --check",
    "uv run lint-imports",
    "uv run deptry .",
    "uv run mypy",
)
TESTS = ('uv run pytest -q -m "not drill"',)
QUICK = ("uv sync", "uv run ruff check", "uv run ruff format --check", "uv run mypy")
CODE = re.compile(r"app/(?:models|schemas|services|routers)/(\w+)\.py|tests/(?:test_|factories/)(\w+)\.py")
MIGRATION_TESTS = tuple(
    f"tests/{folder}test_{name}.py"
    for folder in ("database/", "")  # the second until release 0.4
    for name in ("migrations", "postgresql")  # the second runs a linter of migrations
)
# Variables of another environment or database: checks use the embedded server.
UNSET = {"UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV", "DATABASE_URL", "PYTHONPATH"}
LINES = 40  # of a failing check's output, the last ones


def resource_tests(changed: Iterable[str], files: Container[str], *, has_migration: bool) -> tuple[str, ...]:
    """Return the pytest command for changed resources and migrations; empty if none of their tests exists."""
    names = {name for path in changed if (matched := CODE.fullmatch(path)) for name in matched.groups() if name}
    modules = [f"tests/test_{name}.py" for name in sorted(names)]
    modules += MIGRATION_TESTS if has_migration else ()
    existing = [path for path in modules if path in files]
    return (f'uv run pytest -q -m "not drill" {" ".join(existing)}',) if existing else ()


def run_checks(directory: Path, commands: tuple[str, ...], env: Mapping[str, str] | None = None) -> str:
    """Run check commands in sequence, and return the first one that fails; empty if all pass."""
    for command in commands:
        started = time.monotonic()
        echo(f"  {command} …")
        if output := failure_output(directory, command, env):
            echo(output)
            return command
        echo(f"  ✓ {time.monotonic() - started:.0f} s")
    return ""


def failure_output(directory: Path, command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command, and return the end of its output if it fails; empty if it succeeds."""
    code, output = run_command(directory, command, env)
    return (output or f"exit code {code}") if code else ""


def run_command(directory: Path, command: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command in the service's directory, and return its exit code and the end of its output."""
    try:
        done = subprocess.run(
            shlex.split(command),
            cwd=directory,
            env={name: value for name, value in os.environ.items() if name not in UNSET} | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        return 127, f"{command.split(maxsplit=1)[0]} is not installed"
    return done.returncode, "\n".join(done.stdout.rstrip().splitlines()[-LINES:])
