"""Run benchmarks in interleaved rounds, and report each minimum, its ratio to a baseline, and an A/A control.

Other processes only add to a measurement, so the minimum is reported. The A/A control measures the baseline a second
time: its difference is the noise, below which other differences are not significant.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Subject = TypeVar("Subject")
CONTROL = "A/A control"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a benchmark's argument parser, with `--smoke` and the module's docstring as help."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="run the smallest form as a smoke test")
    return parser


def arguments(description: str | None, counted: str, default: int) -> argparse.Namespace:
    """Parse `--smoke` and an optional number, which a smoke test sets to 1."""
    command_line = parser(description)
    text = f"default: {default}"
    command_line.add_argument("number", type=int, nargs="?", default=default, metavar=counted, help=text)
    options = command_line.parse_args()
    options.number = 1 if options.smoke else options.number
    return options


def with_control(subjects: Mapping[str, Subject]) -> dict[str, Subject]:
    """Repeat the baseline, which is the first subject, at the end as an A/A control."""
    return {**subjects, CONTROL: next(iter(subjects.values()))}


def report(title: str, unit: str, rounds: Sequence[Mapping[str, float]], digits: int = 0) -> None:
    """Print each subject's minimum, with its difference and ratio to the baseline."""
    best = {name: min(each[name] for each in rounds) for name in rounds[0]}
    baseline = next(iter(best.values()))
    print(f"{title}\n{'':14} {unit:>8} {'added':>8} {'ratio':>6}")
    for name, minimum in best.items():
        print(f"{name:14} {minimum:8.{digits}f} {minimum - baseline:8.{digits}f} {minimum / baseline:6.2f}", flush=True)
