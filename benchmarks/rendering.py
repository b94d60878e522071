"""How long the harness takes for a rendering, against Copier as it comes.

Use: `uv run python benchmarks/rendering.py [renderings]`. The same combinations are rendered by the command line, by
Copier in process, by Copier when it remembers, and so in forks on every processor; the means of one run are told. Look
at the ratios.
"""

from __future__ import annotations

import shutil
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.harness.combinations import rendering
from tests.harness import workspace as scratch
from tests.harness.combinations.copier_cli import copier, copying, data
from tests.harness.combinations.facts import Combination
from tests.harness.combinations.render_all import Press, crew
from tests.harness.combinations.questions import Answers, all_questions
from tests.harness.combinations.blobs import Store
from tests.harness.combinations.recorder import recording

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 55  # milliseconds a rendering
FACTOR = 10  # times as quick as Copier as it comes


def mean(render: Callable[[Answers], object], given: list[Answers]) -> float:
    """Measure the milliseconds that one of many renderings takes."""
    begun = time.perf_counter()
    for answers in given:
        render(answers)
    return (time.perf_counter() - begun) / len(given) * 1000


def measure(template: Path, directory: Path, given: list[Answers]) -> dict[str, float]:
    """Measure each way in turn."""
    destination = directory / "rendering"

    def by_command(answers: Answers) -> None:
        copier(*copying(template, destination, *data(answers))).check_returncode()
        shutil.rmtree(destination)

    def in_process(answers: Answers) -> None:
        rendering.render(template, destination, answers)
        shutil.rmtree(destination)

    few = given[:10]
    found = {"the command line": mean(by_command, few), "in process": mean(in_process, few)}
    with rendering.memory(), recording() as recorder:
        press = Press(template, directory, Store(directory / "store"), recorder)
        mean(press.render, few)
        found["remembered, and kept by content"] = mean(press.render, given)
        with crew(press) as render_all:
            begun = time.perf_counter()
            list(render_all([Combination(answers, frozenset(), ()) for answers in given]))
            found["so in forks"] = (time.perf_counter() - begun) / len(given) * 1000
    return found


def main(number: int) -> None:
    """Tell the milliseconds of one rendering, each way."""
    given = list(islice(cycle(all_questions().combinations()), number))
    with scratch.workspace() as directory, scratch.isolation(directory):
        scratch.release(directory / "template")
        found = measure(directory / "template", directory, given)
    slowest = found["in process"]
    for way, milliseconds in found.items():
        print(f"{way:<32} {milliseconds:7.1f} ms   {slowest / milliseconds:5.1f} times")
    print(f"goal: {BUDGET} ms, {FACTOR} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 200)
