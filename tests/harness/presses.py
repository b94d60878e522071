"""Renders many combinations, on every processor: in forks of a process in which Copier remembers."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.harness.crews import crew
from tests.harness.facts import Oracle
from tests.harness.matrix import Matrix
from tests.harness.questions import SURROUNDINGS
from tests.harness.rendering import render

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.facts import Combination
    from tests.harness.progress import Meter
    from tests.harness.questions import Answers, Questionnaire
    from tests.harness.store import Listing, Store
    from tests.harness.traces import Recorder, Trace

WARM = 3  # renderings before the forks, so that each need not find out for itself


@dataclass(frozen=True)
class Rendering:
    """The files that one combination gives, and what each of them read."""

    listing: Listing
    trace: Trace


@dataclass(frozen=True)
class Press:
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


def first_wave(matrix: Matrix) -> list[Combination]:
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


def survey(asked: Questionnaire, press: Press, meter: Meter, *, every: bool = False) -> Matrix:
    """Render until each file of each combination is known; or every combination, to see that nothing else is needed."""
    oracle = Oracle(press.template)
    matrix = Matrix(map(oracle.combination, asked.combinations()), oracle)
    wave = matrix.combinations if every else first_wave(matrix)
    for combination in wave[:WARM]:
        press.render(combination.answers)
    with crew(press.render) as render_all, meter.shown():
        while wave:
            given = [combination.answers for combination in wave]
            matrix.learn(zip(wave, meter.each(render_all(given), len(wave)), strict=True))
            wave = list(matrix.unknown())
    return matrix
