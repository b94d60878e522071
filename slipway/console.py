"""Format and print the progress, tables and warnings that people read.

With `--json`, standard output contains a single JSON object.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def echo(*lines: str) -> None:
    """Print lines and flush them, to show progress in a pipe."""
    for line in lines:
        print(line, flush=True)


def section(title: str, lines: Iterable[str]) -> None:
    """Print a title and indented lines; print nothing if there are no lines."""
    if entries := [*lines]:
        echo("", title, *(f"  {line}".rstrip() for line in entries))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align rows so that each column is as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def plural(number: int, noun: str) -> str:
    """Return a number with its noun in singular or plural, such as `1 file` or `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def warn(message: str) -> None:
    """Print a message to standard error."""
    print(message, file=sys.stderr, flush=True)
