"""What a tool or a reader finds fault with, told as a test's failure without a word of Python around it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TOOLS = Path(sys.executable).parent


def expect_none(found: str) -> None:
    if found:
        pytest.fail(found, pytrace=False)


def run(tool: str, *arguments: str | Path) -> str:
    """Run a tool that ends well only when it finds nothing; tell what it found."""
    outcome = subprocess.run([TOOLS / tool, *arguments], capture_output=True, text=True, check=False)
    return "" if outcome.returncode == 0 else outcome.stdout + outcome.stderr


def complaint(read: Callable[[str], object], text: str) -> str:
    """Tell why a text cannot be read; nothing when it can."""
    try:
        read(text)
    except Exception as error:  # noqa: BLE001 - whatever a reader finds is the finding
        return f"{type(error).__name__}: {error}"
    return ""
