"""Compare subjects in one run: interleaved rounds, the minimum of each, ratios to the first, an A/A control.

A busy machine only adds to a measurement, so the minimum is reported. The control measures the first subject a second
time: differences that are not clearly larger than its own are noise.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Subject = TypeVar("Subject")
CONTROL = "A/A control"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make the parser of a benchmark's command line; its page is the module's docstring."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--smoke", action="store_true", help="run the smallest form: it shows that it runs, no figures")
    return made


def arguments(description: str | None, counted: str, default: int) -> argparse.Namespace:
    """Parse a command line of one number, which is 1 in a smoke test; it becomes the attribute `number`."""
    made = parser(description)
    made.add_argument("number", metavar=counted, type=int, nargs="?", default=default, help=f"default: {default}")
    given = made.parse_args()
    given.number = 1 if given.smoke else given.number
    return given


def with_control(subjects: Mapping[str, Subject]) -> dict[str, Subject]:
    """Add the first subject a second time, as the control."""
    return {**subjects, CONTROL: next(iter(subjects.values()))}


def report(title: str, unit: str, rounds: Sequence[Mapping[str, float]], digits: int = 0) -> None:
    """Print the minimum of each subject, what it adds to the first, and its ratio to the first."""
    best = {name: min(each[name] for each in rounds) for name in rounds[0]}
    first = next(iter(best.values()))
    print(f"{title}\n{'':14} {unit:>8} {'added':>8} {'ratio':>6}")
    for name, spent in best.items():
        print(f"{name:14} {spent:8.{digits}f} {spent - first:8.{digits}f} {spent / first:6.2f}", flush=True)
