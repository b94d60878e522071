"""How long the harness takes for a rendering, against Copier as it comes.

Use: `uv run python -m benchmarks.rendering [renderings]`. The same combinations are rendered by the command line, by
Copier in process, by Copier when it remembers, and so in forks on every processor. Means are printed: Copier's memory
makes later renderings quicker, so the ways cannot take turns. The A/A control repeats one of them at the end.
"""

from __future__ import annotations

import shutil
import time
from itertools import cycle, islice
from typing import TYPE_CHECKING

from benchmarks.comparison import CONTROL, arguments
from tests.harness import workspace as scratch
from tests.harness.combinations import rendering
from tests.harness.combinations.blobs import Store
from tests.harness.combinations.copier_cli import copier, copy_arguments, data
from tests.harness.combinations.pool import process_pool
from tests.harness.combinations.questions import Answers, all_questions
from tests.harness.combinations.recorder import recording
from tests.harness.combinations.render_all import Renderer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
        copier(*copy_arguments(template, destination, *data(answers))).check_returncode()
        shutil.rmtree(destination)

    def in_process(answers: Answers) -> None:
        rendering.render(template, destination, answers)
        shutil.rmtree(destination)

    few = given[:10]
    found = {"the command line": mean(by_command, few), "in process": mean(in_process, few)}
    with rendering.caching(), recording() as recorder:
        renderer = Renderer(template, directory, Store(directory / "store"), recorder)
        mean(renderer.render, few)
        found["remembered, and kept by content"] = mean(renderer.render, given)
        with process_pool(renderer.render) as render_each:
            begun = time.perf_counter()
            list(render_each(given))
            found["so in forks"] = (time.perf_counter() - begun) / len(given) * 1000
    return found | {CONTROL: mean(in_process, few)}


def main(number: int) -> None:
    """Print the milliseconds of one rendering, each way."""
    given = list(islice(cycle(all_questions().combinations()), number))
    with scratch.workspace() as directory, scratch.isolation(directory):
        scratch.release(directory / "template")
        found = measure(directory / "template", directory, given)
    slowest = found["in process"]
    for way, milliseconds in found.items():
        print(f"{way:<32} {milliseconds:7.1f} ms   {slowest / milliseconds:5.1f} times")


if __name__ == "__main__":
    main(arguments(__doc__, "renderings", 200).number)
