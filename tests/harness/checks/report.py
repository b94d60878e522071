"""The report of a run: its numbers, and a picture of the matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks.checks import BUILT
from tests.harness.checks.picture import Field, State, draw
from tests.harness.combinations.questions import all_questions, code_questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.checks.runner import CheckResult, CheckRunner
    from tests.harness.combinations.matrix import Matrix

REPORT = pytest.StashKey["Report"]()


def state(results: list[CheckResult]) -> State:
    """Return the state of a service from the results of its checks."""
    if any(not result.passed for result in results):
        return "failed"
    if not results:
        return "not checked"
    if all(result.check == BUILT for result in results):
        return "built"
    return "cached" if all(result.cached for result in results) else "passed"


def duration(seconds: float) -> str:
    """Format seconds: `1 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass
class Report:
    """The matrix, the check runner and the notes of a run.

    The matrix and the runner are None if unused.
    """

    matrix: Matrix | None = None
    runner: CheckRunner | None = None
    notes: list[str] = field(default_factory=list)  # lines that tests add
    submitted: dict[str, list[str]] = field(default_factory=dict)  # keys of checks, by label of the service

    def results(self, label: str) -> list[CheckResult]:
        results = self.runner.results if self.runner else {}
        return [results[key] for key in self.submitted.get(label, []) if key in results]

    def fields(self) -> dict[str, Field]:
        """Return the field of each service, by label."""
        labels = {code_questions().label(answers): answers for answers in code_questions().combinations()}
        return {label: self.field(label, answers) for label, answers in labels.items()}

    def field(self, label: str, answers: dict[str, object]) -> Field:
        results = self.results(label)
        failed = tuple(result.check.name for result in results if not result.passed)
        return Field(answers, state(results), sum(result.usage.seconds for result in results), failed)

    def lines(self, seconds: float) -> Iterator[str]:
        """Yield the statistics of the run, one per line."""
        yield from self.notes
        if self.matrix:
            distinct = {(path, blob) for (path, _), blob in self.matrix.blobs.items()}
            surveyed, total = len(self.matrix.combinations), sum(1 for _ in all_questions().combinations())
            yield (
                f"{surveyed} of {total} combinations of {len(all_questions().varying)} questions; "
                f"{len(self.matrix.codes())} distinct services"
            )
            files = sum(len(listing) for _, listing in self.matrix.rendered)
            yield f"{files} files rendered, {len(distinct)} of them distinct"
        if self.runner:
            results = self.runner.results.values()
            cached = sum(result.cached for result in results)
            yield f"{len(results)} checks of services, {cached} of them cached; {duration(seconds)} in all"

    def picture(self, seconds: float) -> str:
        """Draw the matrix as SVG."""
        return draw(code_questions(), self.fields(), list(self.lines(seconds)))
