"""What an update did or would do, as its owner and programs are told."""

from dataclasses import dataclass, field
from typing import Any

from .judging import Judgement
from .notes import between, changelog
from .printing import number, say, section


@dataclass
class Report:
    """What an update did or would do; `--json` prints it as it is."""

    before: str
    after: str
    applied: bool = False
    commit: str | None = None
    branch: str | None = None
    tree: str | None = None  # where it lies while it is refused
    notes: str = ""
    questions: dict[str, Any] = field(default_factory=dict)  # new ones, and the answers taken
    dropped: list[str] = field(default_factory=list)  # questions that are asked no longer
    answers: dict[str, list[Any]] = field(default_factory=dict)  # others: what was, what is
    conflicts: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)  # edited files that would go
    faults: list[str] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)  # written once, and other by now
    failed: str = ""  # the check that failed
    reasons: list[str] = field(default_factory=list)  # why it is refused


def reported(found: Judgement, given: list[str], branch: str | None) -> Report:
    """Put together what there is to know."""
    before, after = (record["_commit"] for record in found.records)
    say(f"{before} → {after}: {number(len(found.changed), 'file')} changed.")
    return Report(
        before=before,
        after=after,
        branch=branch,
        notes=between(changelog(found.new.url, after), before, after),
        questions=found.questions,
        dropped=found.dropped,
        answers={name: [was, now] for name, was, now in found.others(given)},
        conflicts=found.conflicts,
        deleted=found.deleted,
        faults=found.faults,
        seeds=found.seeds,
    )


def tell(report: Report) -> None:
    """Print all that the owner might want to know before it is taken."""
    section("What the template says", report.notes.splitlines())
    section(
        "New questions, and the answers taken; --data QUESTION=ANSWER gives another",
        (f"{name}: {answer}" for name, answer in report.questions.items()),
    )
    section(
        "Answers that the template has changed",
        (f"{name}: {was} → {now}" for name, (was, now) in report.answers.items()),
    )
    section("Questions that are asked no longer", report.dropped)
    section(
        "Written once, and left as they are, though the template writes them otherwise now",
        report.seeds,
    )
