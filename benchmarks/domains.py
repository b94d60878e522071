"""Measure how rendering, lines of code and the test suite scale with the number of resources.

Usage: `uv run python -m benchmarks.domains [resources…]`. Each resource has twenty fields of all types, and references
the previous one. The first number is the baseline: with linear growth, the cost per resource stays near `1.0` times
the baseline's. It is measured again at the end, as an A/A control.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.comparison import parser
from tests.harness import workspace as scratch
from tests.harness.checks.runner import environment
from tests.harness.combinations import rendering
from tests.harness.combinations.domains import large_domain
from tests.harness.combinations.questions import all_questions

if TYPE_CHECKING:
    from pathlib import Path

SUITE = [sys.executable, "-m", "pytest", "-q", "-m", "not drill", "-p", "no:cacheprovider"]
IMPORT = [sys.executable, "-c", "import app.main"]  # replaces the test suite in a smoke test


def measure(template: Path, directory: Path, number: int, suite: list[str]) -> tuple[float, int, float]:
    """Return the seconds to render a service, its resources' lines of code, and the seconds of its quick tests."""
    begun = time.perf_counter()
    rendering.render(template, directory, all_questions().default | {"resources": large_domain(number)})
    rendered = time.perf_counter() - begun
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in directory.rglob("*thing_*.py"))
    begun = time.perf_counter()
    run = subprocess.run(suite, cwd=directory, env=environment(), capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)
    tested = time.perf_counter() - begun
    shutil.rmtree(directory)
    return rendered, lines, tested


def main(numbers: list[int], suite: list[str]) -> None:
    """Measure a service with each number of resources, and the first number again as an A/A control."""
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.caching():
        template, service = directory / "template", directory / "service"
        scratch.release(template)
        rendering.render(template, service, all_questions().default)  # warm-up: imports Copier
        shutil.rmtree(service)
        empty = measure(template, service, 0, suite)
        first: tuple[float, float] | None = None
        for number in [*numbers, numbers[0]]:
            rendered, lines, tested = measure(template, service, number, suite)
            costs = (rendered - empty[0]) / number, (tested - empty[2]) / number
            first = first or costs
            ratios = [cost / measured for cost, measured in zip(costs, first, strict=True)]
            print(
                f"{number:3} resources: rendered in {rendered:.2f} s ({ratios[0]:.1f} times a resource), "
                f"{lines:,} lines, quick suite {tested:.0f} s ({ratios[1]:.1f} times a resource)",
                flush=True,
            )


if __name__ == "__main__":
    command_line = parser(__doc__)
    command_line.add_argument("numbers", metavar="resources", type=int, nargs="*", default=[5, 10, 20, 40])
    options = command_line.parse_args()
    main(*(([1], IMPORT) if options.smoke else (options.numbers, SUITE)))
