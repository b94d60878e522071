"""Renders what is unknown of many combinations, on every processor: in forks of a process in which Copier remembers.

Copier would walk the whole template for each combination, though most files are known from others. Here it is asked for
the unknown ones alone; whole renderings are compared with what is composed by `test_rendering.py`.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from copier._main import Worker

from tests.harness.combinations.facts import RECORD, FileFacts
from tests.harness.combinations.matrix import Matrix
from tests.harness.combinations.pool import process_pool
from tests.harness.combinations.questions import SURROUNDINGS
from tests.harness.combinations.rendering import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.blobs import Listing, Store
    from tests.harness.combinations.facts import Combination
    from tests.harness.combinations.questions import Answers, Questionnaire
    from tests.harness.combinations.recorder import Recorder, Trace

NOTHING: frozenset[str] = frozenset()  # but Copier's record
WARM = 3  # renderings before the forks, so that each need not compile the templates itself
Wanted = tuple["Combination", frozenset[str] | None]  # these files of a combination; None: all of them


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
        """Render every file, as Copier does."""
        destination = self.directory / f"rendering-{os.getpid()}"
        render(self.template, destination, answers)
        listing = self.store.keep(destination)
        shutil.rmtree(destination)
        return Rendering(listing, self.recorder.taken())

    def render_files(self, file_facts: FileFacts, wanted: Wanted) -> Rendering:
        """Render the wanted files of a combination, and Copier's record of its answers."""
        combination, paths = wanted
        if paths is None:
            return self.render(combination.answers)

        def render_wanted(worker: Worker) -> None:
            plan = worker.answers.combined.get("plan", {})
            for path in sorted(paths | {RECORD}):
                source, entry = file_facts.source(path, plan)
                worker._render_file(source, Path(path), entry)  # noqa: SLF001 - what Copier calls for each file

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "_render_template", render_wanted)
            return self.render(combination.answers)


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
    decisive = first_batch(matrix)
    warm = [*decisive[:WARM], richest(decisive)[-1]]
    matrix.learn([(combination, renderer.render(combination.answers)) for combination in unrendered(matrix, warm)])
    with process_pool(partial(renderer.render_files, file_facts)) as render_each, meter.shown():

        def learn(wanted: Sequence[Wanted]) -> None:
            renderings = meter.each(render_each(wanted), len(wanted))
            matrix.learn(zip([combination for combination, _ in wanted], renderings, strict=True))

        if every:
            learn([(combination, None) for combination in unrendered(matrix, matrix.combinations)])
        for combinations in (decisive, matrix.combinations):
            while wanted := list(matrix.unknown(combinations)):
                learn(wanted)
        learn([(combination, NOTHING) for combination in unrendered(matrix, decisive)])
    return matrix


def unrendered(matrix: Matrix, combinations: Iterable[Combination]) -> list[Combination]:
    """List those of some combinations of which nothing was rendered, each once."""
    found = {repr(combination.answers): combination for combination in combinations}
    return [combination for name, combination in found.items() if name not in matrix.records]
