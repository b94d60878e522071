"""Render the missing files of all combinations in forks of a process that has filled Copier's caches.

Copier renders the whole template for each combination, though most files are known from other combinations. Here, only
unknown files are rendered; `test_rendering.py` compares composed combinations with renderings of the whole template.
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
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.recorder import Recorder, Trace

ANSWERS_FILE_ONLY: frozenset[str] = frozenset()  # no other files
WARM_RENDERINGS = 3  # renderings before forking, so that forks share compiled templates
FilesOfCombination = tuple["Combination", frozenset[str] | None]  # these files of a combination; None: all of them


@dataclass(frozen=True)
class Rendering:
    """The rendered files of one combination, and the variables that each file read."""

    listing: Listing
    trace: Trace


@dataclass(frozen=True)
class Renderer:
    """Render combinations in one process."""

    template: Path
    directory: Path
    store: Store
    recorder: Recorder

    def render(self, answers: Answers) -> Rendering:
        """Render every file, as Copier does."""
        destination = self.directory / f"rendering-{os.getpid()}"
        render(self.template, destination, answers)
        listing = self.store.put(destination)
        shutil.rmtree(destination)
        return Rendering(listing, self.recorder.pop_trace())

    def render_files(self, file_facts: FileFacts, requested: FilesOfCombination) -> Rendering:
        """Render some files of a combination, and the answers file."""
        combination, paths = requested
        if paths is None:
            return self.render(combination.answers)

        def render_requested(worker: Worker) -> None:
            plan = worker.answers.combined.get("plan", {})
            for path in sorted(paths | {RECORD}):
                source, entry = file_facts.source(path, plan)
                worker._render_file(source, Path(path), entry)  # noqa: SLF001 - Copier's method for one file

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Worker, "_render_template", render_requested)
            return self.render(combination.answers)


def first_batch(matrix: Matrix) -> list[Combination]:
    """Select one combination for each set of answers to questions that affect code.

    The answers to other questions alternate.
    """
    groups: dict[str, list[Combination]] = {}
    for combination in matrix.combinations:
        code = [answer for name, answer in combination.answers.items() if name not in SURROUNDINGS]
        groups.setdefault(repr(code), []).append(combination)
    groups_with_most_choices = [with_most_choices(group) for group in groups.values()]
    return [group[index % len(group)] for index, group in enumerate(groups_with_most_choices)]


def with_most_choices(group: list[Combination]) -> list[Combination]:
    """Return the combinations with the most selected choices and true booleans."""
    values = [[answer for answer in each.answers.values() if isinstance(answer, list | bool)] for each in group]
    selected = [sum(len(answer) if isinstance(answer, list) else answer for answer in answers) for answers in values]
    return [each for each, number in zip(group, selected, strict=True) if number == max(selected)]


def render_all(surveyed: Iterable[Answers], renderer: Renderer, meter: Meter, *, every: bool = False) -> Matrix:
    """Render missing files until every combination can be composed.

    With `every`, render each combination completely.
    """
    file_facts = FileFacts(renderer.template)
    matrix = Matrix(map(file_facts.combination, surveyed), file_facts)
    first = first_batch(matrix)
    warm = [*first[:WARM_RENDERINGS], with_most_choices(first)[-1]]
    matrix.add([(combination, renderer.render(combination.answers)) for combination in unrendered(matrix, warm)])
    with process_pool(partial(renderer.render_files, file_facts)) as render_each, meter.shown():

        def render_batch(requested: Sequence[FilesOfCombination]) -> None:
            renderings = meter.each(render_each(requested), len(requested))
            matrix.add(zip([combination for combination, _ in requested], renderings, strict=True))

        if every:
            render_batch([(combination, None) for combination in unrendered(matrix, matrix.combinations)])
        for combinations in (first, matrix.combinations):
            indexes = None
            while indexes != matrix.indexes and (requested := list(matrix.unknown(combinations))):
                indexes = matrix.indexes
                render_batch(requested)  # repeated while a file reads further facts, which make other files unknown
        render_batch([(combination, ANSWERS_FILE_ONLY) for combination in unrendered(matrix, first)])
    return matrix


def unrendered(matrix: Matrix, combinations: Iterable[Combination]) -> list[Combination]:
    """Return the distinct combinations whose answers file was never rendered."""
    distinct = {repr(combination.answers): combination for combination in combinations}
    return [combination for name, combination in distinct.items() if name not in matrix.records]
