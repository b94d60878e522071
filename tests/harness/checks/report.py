"""What a run tells in the end: the numbers that make up the proof, and a picture of the matrix."""

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
    """Say how all checks of one service ended."""
    if any(not result.passed for result in results):
        return "failed"
    if not results:
        return "not checked"
    if all(result.check == BUILT for result in results):
        return "built"
    return "remembered" if all(result.remembered for result in results) else "passed"


def duration(seconds: float) -> str:
    """Write seconds as one would say them: `1 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass
class Report:
    """What is known of a run so far: nothing, where it did not come so far."""

    matrix: Matrix | None = None
    runner: CheckRunner | None = None
    notes: list[str] = field(default_factory=list)  # figures that a test found
    asked: dict[str, list[str]] = field(default_factory=dict)  # the checks of each service, by its label

    def results(self, label: str) -> list[CheckResult]:
        found = self.runner.found if self.runner else {}
        return [found[key] for key in self.asked.get(label, []) if key in found]

    def fields(self) -> dict[str, Field]:
        """Tell how each service of the matrix did."""
        labels = {code_questions().label(answers): answers for answers in code_questions().combinations()}
        return {label: self.field(label, answers) for label, answers in labels.items()}

    def field(self, label: str, answers: dict[str, object]) -> Field:
        results = self.results(label)
        failed = tuple(result.check.name for result in results if not result.passed)
        return Field(answers, state(results), sum(result.figures.seconds for result in results), failed)

    def lines(self, seconds: float) -> Iterator[str]:
        """Say what was proven, in numbers."""
        yield from self.notes
        if self.matrix:
            distinct = {(path, blob) for (path, _), blob in self.matrix.blobs.items()}
            yield (
                f"{len(self.matrix.combinations)} combinations of {len(all_questions().chosen)} questions, "
                f"none left out; {len(self.matrix.codes())} distinct services"
            )
            files = sum(len(listing) for _, listing in self.matrix.rendered)
            yield f"{files} files rendered, {len(distinct)} of them distinct"
        if self.runner:
            found = self.runner.found.values()
            remembered = sum(result.remembered for result in found)
            yield f"{len(found)} checks of services, {remembered} of them remembered; {duration(seconds)} in all"

    def picture(self, seconds: float) -> str:
        """Draw the matrix as SVG."""
        return draw(code_questions(), self.fields(), list(self.lines(seconds)))
