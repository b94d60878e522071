"""Compare the time to render a service with the harness's caches and with plain Copier.

Usage: `uv run python -m benchmarks.rendering [renderings]`. The same combinations are rendered by Copier's command
line, by Copier in process, with caches, and with caches in a process pool. Means are printed: caches speed up later
renderings, so rounds cannot be interleaved. The A/A control repeats one method at the end.
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


def mean(render: Callable[[Answers], object], combinations: list[Answers]) -> float:
    """Return the mean time of a rendering in milliseconds."""
    begun = time.perf_counter()
    for answers in combinations:
        render(answers)
    return (time.perf_counter() - begun) / len(combinations) * 1000


def measure(template: Path, directory: Path, combinations: list[Answers]) -> dict[str, float]:
    """Return the milliseconds per rendering with plain Copier, with caches and with a process pool."""
    destination = directory / "rendering"

    def by_command(answers: Answers) -> None:
        copier(*copy_arguments(template, destination, *data(answers))).check_returncode()
        shutil.rmtree(destination)

    def in_process(answers: Answers) -> None:
        rendering.render(template, destination, answers)
        shutil.rmtree(destination)

    few = combinations[:10]
    means = {"command line": mean(by_command, few), "in process": mean(in_process, few)}
    with rendering.caching(), recording() as recorder:
        renderer = Renderer(template, directory, Store(directory / "store"), recorder)
        mean(renderer.render, few)
        means["cached"] = mean(renderer.render, combinations)
        with process_pool(renderer.render) as render_each:
            begun = time.perf_counter()
            list(render_each(combinations))
            means["cached, process pool"] = (time.perf_counter() - begun) / len(combinations) * 1000
    return means | {CONTROL: mean(in_process, few)}


def main(number: int) -> None:
    """Print the mean time in which each method renders a service."""
    combinations = list(islice(cycle(all_questions().combinations()), number))
    with scratch.workspace() as directory, scratch.isolation(directory):
        scratch.release(directory / "template")
        means = measure(directory / "template", directory, combinations)
    slowest = means["in process"]
    for method, milliseconds in means.items():
        print(f"{method:<32} {milliseconds:7.1f} ms   {slowest / milliseconds:5.1f} times")


if __name__ == "__main__":
    main(arguments(__doc__, "renderings", 200).number)
