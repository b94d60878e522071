"""Report the findings of linters and parsers as test failures without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOOLS = Path(sys.executable).parent


def format_findings(findings: Mapping[str, list[str]]) -> str:
    """Join the findings to one line per name, such as a path, without names that have none."""
    return "\n".join(f"{name}: {', '.join(problems)}" for name, problems in findings.items() if problems)


def assert_no_findings(findings: str) -> None:
    if findings:
        pytest.fail(findings, pytrace=False)


def run(tool: str, *arguments: str | Path, stdin: str = "") -> str:
    """Run a tool, and return its output if it fails; empty otherwise."""
    path = os.pathsep.join((str(TOOLS), os.environ["PATH"]))  # tools may run each other
    outcome = subprocess.run(
        [TOOLS / tool, *arguments],
        env=os.environ | {"PATH": path},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if outcome.returncode == 0 else outcome.stdout + outcome.stderr


@cache
def shellcheck_findings(script: str) -> str:
    """Return the findings of shellcheck in a script."""
    return run("shellcheck", "--norc", "--color=never", "--shell=bash", "-", stdin=script)


def parse_error(read: Callable[[str], object], text: str) -> str:
    """Return the error of a parser; empty if it parses the text."""
    try:
        read(text)
    except Exception as error:  # noqa: BLE001 - parsers raise any type
        return f"{type(error).__name__}: {error}"
    return ""
