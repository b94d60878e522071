"""Print text for people; with `--json`, standard output is reserved for one object."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def echo(*lines: str) -> None:
    """Print lines and flush, so that progress is visible in pipes."""
    for line in lines:
        print(line, flush=True)


def section(title: str, lines: Iterable[str]) -> None:
    """Print a title and indented lines; nothing if there are no lines."""
    if entries := [*lines]:
        echo("", title, *(f"  {line}".rstrip() for line in entries))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align rows in columns as wide as their widest cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def warn(message: str) -> None:
    """Print to standard error."""
    print(message, file=sys.stderr, flush=True)
