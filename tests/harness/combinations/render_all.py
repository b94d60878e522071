"""Renders many combinations, on every processor: in forks of a process in which Copier remembers."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.harness.combinations.facts import FileFacts
from tests.harness.combinations.matrix import Matrix
from tests.harness.combinations.pool import process_pool
from tests.harness.combinations.questions import SURROUNDINGS
from tests.harness.combinations.rendering import render

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.blobs import Listing, Store
    from tests.harness.combinations.facts import Combination
    from tests.harness.combinations.questions import Answers, Questionnaire
    from tests.harness.combinations.recorder import Recorder, Trace

WARM = 3  # renderings before the forks, so that each need not find out for itself


@dataclass(frozen=True)
class Rendering:
    """The files that one combination gives, and what each of them read."""

    listing: Listing
    trace: Trace


@dataclass(frozen=True)
class Renderer:
    """All that a process needs to render a combination."""

    template: Path
    directory: Path
    store: Store
    recorder: Recorder

    def render(self, answers: Answers) -> Rendering:
        destination = self.directory / f"rendering-{os.getpid()}"
        render(self.template, destination, answers)
        listing = self.store.keep(destination)
        shutil.rmtree(destination)
        return Rendering(listing, self.recorder.taken())


def first_batch(matrix: Matrix) -> list[Combination]:
    """Choose each combination of the questions that decide code, with all that may surround it, in turn."""
    groups: dict[str, list[Combination]] = {}
    for combination in matrix.combinations:
        code = [answer for name, answer in combination.answers.items() if name not in SURROUNDINGS]
        groups.setdefault(repr(code), []).append(combination)
    fullest = [richest(group) for group in groups.values()]
    return [group[place % len(group)] for place, group in enumerate(fullest)]


def richest(group: list[Combination]) -> list[Combination]:
    """Keep those for which most was selected, of what can be selected together, and most answered with yes."""
    chosen = [[answer for answer in each.answers.values() if isinstance(answer, list | bool)] for each in group]
    selected = [sum(len(answer) if isinstance(answer, list) else answer for answer in answers) for answers in chosen]
    return [each for each, number in zip(group, selected, strict=True) if number == max(selected)]


def render_all(asked: Questionnaire, renderer: Renderer, meter: Meter, *, every: bool = False) -> Matrix:
    """Render until each file of each combination is known; or every combination, to see that nothing else is needed."""
    file_facts = FileFacts(renderer.template)
    matrix = Matrix(map(file_facts.combination, asked.combinations()), file_facts)
    batch = matrix.combinations if every else first_batch(matrix)
    for combination in batch[:WARM]:
        renderer.render(combination.answers)
    with process_pool(renderer.render) as render_each, meter.shown():
        while batch:
            given = [combination.answers for combination in batch]
            matrix.learn(zip(batch, meter.each(render_each(given), len(batch)), strict=True))
            batch = list(matrix.unknown())
    return matrix
