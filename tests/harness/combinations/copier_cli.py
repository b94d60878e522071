"""Copier as its users run it: a process of its own."""

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


def run_to_its_end(command: list[str], directory: Path, environment: dict[str, str], longest: float) -> Run:
    """Run a command that nobody talks to, for so many seconds at most; all that it prints is its output."""
    return subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=longest,
        check=False,
    )


def on_a_line(value: object) -> str:
    """Write YAML on one line, in which a date stays a date."""
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=sys.maxsize)
    return written.strip().removesuffix("\n...")  # with which a word by itself ends


def data(answers: Answers) -> list[str]:
    """Give answers as Copier reads them: text as it is, all else as YAML."""
    written = {name: value if isinstance(value, str) else on_a_line(value) for name, value in answers.items()}
    return [argument for name, value in written.items() for argument in ("--data", f"{name}={value}")]


def copying(template: Path, destination: Path, *given: str) -> list[str]:
    return ["copy", "--trust", "--defaults", *given, str(template), str(destination)]


def updating(*given: str) -> list[str]:
    return ["update", "--trust", "--defaults", *given]
