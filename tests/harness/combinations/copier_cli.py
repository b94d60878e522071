"""Copier's command line, run in a new process as users do."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.questions import Answers

Run = subprocess.CompletedProcess[str]


def copier(*arguments: str, directory: Path | None = None) -> Run:
    return subprocess.run(
        [sys.executable, "-m", "copier", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )


def run_command(command: list[str], directory: Path, environment: dict[str, str], timeout: float) -> Run:
    """Run a command without input, and with standard error in the output.

    The timeout is in seconds.
    """
    return subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def inline_yaml(value: object) -> str:
    """Return a value as YAML on one line, with dates as dates."""
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=sys.maxsize)
    return written.strip().removesuffix("\n...")  # document end after a plain scalar


def data(answers: Answers) -> list[str]:
    """Return `--data` options for answers, with text unquoted and other values as YAML."""
    written = {name: value if isinstance(value, str) else inline_yaml(value) for name, value in answers.items()}
    return [argument for name, value in written.items() for argument in ("--data", f"{name}={value}")]


def copy_arguments(template: Path, destination: Path, *options: str) -> list[str]:
    return ["copy", "--trust", "--defaults", *options, str(template), str(destination)]


def update_arguments(*options: str) -> list[str]:
    return ["update", "--trust", "--defaults", *options]
