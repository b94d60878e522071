"""What a domain costs as it grows: its rendering, its lines of code, and its service's suite.

Use: `uv run python benchmarks/domains.py [resources…]`. Each resource has twenty fields of all types, and refers to
the one before. The first number of resources is the measure of the others: a cost that grows linearly stays near `1.0`
times what one resource costs there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.harness.combinations import rendering
from tests.harness import workspace as scratch
from tests.harness.combinations.domains import great
from tests.harness.combinations.questions import all_questions
from tests.harness.checks.runner import environment


def measure(template: Path, directory: Path, number: int) -> tuple[float, int, float]:
    """Tell the seconds of a rendering, the lines that it gives, and the seconds of its quick suite."""
    begun = time.perf_counter()
    rendering.render(template, directory, all_questions().default | {"resources": great(number)})
    rendered = time.perf_counter() - begun
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in directory.rglob("*thing_*.py"))
    begun = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not drill", "-p", "no:cacheprovider"]
    run = subprocess.run(command, cwd=directory, env=environment(), capture_output=True, text=True, check=False)
    run.check_returncode()
    tested = time.perf_counter() - begun
    shutil.rmtree(directory)
    return rendered, lines, tested


def main(numbers: list[int]) -> None:
    with scratch.workspace() as directory, scratch.isolation(directory), rendering.memory():
        template = directory / "template"
        scratch.release(template)
        empty = measure(template, directory / "service", 0)  # what no resource costs; also warms Copier up
        empty = measure(template, directory / "service", 0)
        costs = {}
        for number in numbers:
            rendered, lines, tested = measure(template, directory / "service", number)
            costs[number] = (rendered - empty[0]) / number, (tested - empty[2]) / number
            ratios = [cost / first for cost, first in zip(costs[number], costs[numbers[0]], strict=True)]
            print(
                f"{number:3} resources: rendered in {rendered:.2f} s ({ratios[0]:.1f} times a resource), "
                f"{lines:,} lines, quick suite {tested:.0f} s ({ratios[1]:.1f} times a resource)",
                flush=True,
            )


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]] or [5, 10, 20, 40])
