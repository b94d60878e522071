"""What a tool or a reader finds fault with, told as a test's failure without a word of Python around it."""

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


def listed(found: Mapping[str, list[str]]) -> str:
    """Write a line for each name for which something is found."""
    return "\n".join(f"{name}: {', '.join(problems)}" for name, problems in found.items() if problems)


def expect_none(found: str) -> None:
    if found:
        pytest.fail(found, pytrace=False)


def run(tool: str, *arguments: str | Path, given: str = "") -> str:
    """Run a tool that ends well only when it finds nothing; tell what it found."""
    path = os.pathsep.join((str(TOOLS), os.environ["PATH"]))  # one tool may ask another
    outcome = subprocess.run(
        [TOOLS / tool, *arguments],
        env=os.environ | {"PATH": path},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if outcome.returncode == 0 else outcome.stdout + outcome.stderr


@cache
def script_problem(script: str) -> str:
    """Tell what shellcheck finds in a script."""
    return run("shellcheck", "--norc", "--color=never", "--shell=bash", "-", given=script)


def complaint(read: Callable[[str], object], text: str) -> str:
    """Tell why a text cannot be read; nothing when it can."""
    try:
        read(text)
    except Exception as error:  # noqa: BLE001 - whatever a reader finds is the finding
        return f"{type(error).__name__}: {error}"
    return ""
