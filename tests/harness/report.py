"""What a run tells in the end: the numbers that make up the proof, and a picture of the matrix."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks import BUILT
from tests.harness.picture import Field, State, draw
from tests.harness.questions import all_questions, code_questions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.matrix import Matrix
    from tests.harness.verdicts import Court, Verdict

REPORT = pytest.StashKey["Report"]()


def state(verdicts: list[Verdict]) -> State:
    """Say how all checks of one service ended."""
    if any(not verdict.passed for verdict in verdicts):
        return "failed"
    if not verdicts:
        return "not checked"
    if all(verdict.check == BUILT for verdict in verdicts):
        return "built"
    return "remembered" if all(verdict.remembered for verdict in verdicts) else "passed"


def duration(seconds: float) -> str:
    """Write seconds as one would say them: `1 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@dataclass
class Report:
    """What is known of a run so far: nothing, where it did not come so far."""

    matrix: Matrix | None = None
    court: Court | None = None
    notes: list[str] = field(default_factory=list)  # figures that a test found
    asked: dict[str, list[str]] = field(default_factory=dict)  # the checks of each service, by its label

    def verdicts(self, label: str) -> list[Verdict]:
        found = self.court.found if self.court else {}
        return [found[key] for key in self.asked.get(label, []) if key in found]

    def fields(self) -> dict[str, Field]:
        """Tell how each service of the matrix did."""
        labels = {code_questions().label(answers): answers for answers in code_questions().combinations()}
        return {label: self.field(label, answers) for label, answers in labels.items()}

    def field(self, label: str, answers: dict[str, object]) -> Field:
        verdicts = self.verdicts(label)
        failed = tuple(verdict.check.name for verdict in verdicts if not verdict.passed)
        return Field(answers, state(verdicts), sum(verdict.figures.seconds for verdict in verdicts), failed)

    def lines(self, seconds: float) -> Iterator[str]:
        """Say what was proven, in numbers."""
        yield from self.notes
        if self.matrix:
            distinct = {(path, blob) for (path, _), blob in self.matrix.blobs.items()}
            yield (
                f"{len(self.matrix.combinations)} combinations of {len(all_questions().chosen)} questions, "
                f"none left out; {len(self.matrix.codes())} distinct services"
            )
            yield f"{len(self.matrix.rendered)} renderings, {len(distinct)} distinct files"
        if self.court:
            found = self.court.found.values()
            remembered = sum(verdict.remembered for verdict in found)
            yield f"{len(found)} checks of services, {remembered} of them remembered; {duration(seconds)} in all"

    def picture(self, seconds: float) -> str:
        """Draw the matrix as SVG."""
        return draw(code_questions(), self.fields(), list(self.lines(seconds)))
