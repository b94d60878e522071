"""What people read of all this: on the terminal, while standard output may be for a program."""

import sys
from collections.abc import Iterable, Sequence


def say(*lines: str) -> None:
    """Print lines at once, for who waits."""
    for line in lines:
        print(line, flush=True)


def section(title: str, lines: Iterable[str]) -> None:
    """Print a title and what belongs to it, as far as there is anything."""
    if told := [*lines]:
        say("", title, *(f"  {line}".rstrip() for line in told))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set rows in columns, each as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def number(count: int, thing: str) -> str:
    """Say how many there are."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def complain(message: str) -> None:
    """Print why something cannot be done."""
    print(message, file=sys.stderr, flush=True)
