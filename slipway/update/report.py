"""Record what an update changes and decides, and print it as text or JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slipway.console import echo, section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slipway.service.checkout import Record


@dataclass
class Report:
    """The versions, changes, decisions and problems of an update.

    `--json` prints all fields.
    """

    before: str
    after: str
    applied: bool = False
    commit: str | None = None
    branch: str | None = None
    tree: str | None = None  # the work tree, if the update was rejected
    notes: str = ""  # sections of the changelogs
    questions: dict[str, Any] = field(default_factory=dict)  # new ones, with their answers
    dropped: list[str] = field(default_factory=list)  # questions that no longer exist
    answers: dict[str, list[Any]] = field(default_factory=dict)  # changed by the template: before, after
    conflicts: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)  # edited files that the template deletes
    left_deleted: list[str] = field(default_factory=list)  # deleted by the owner, changed by the template
    followed: dict[str, str] = field(default_factory=dict)  # the owner's renames
    adjacent: list[str] = field(default_factory=list)  # merged, though both sides changed adjacent lines
    moved: dict[str, str] = field(default_factory=dict)  # the template's moves of edited files
    rewritten: list[str] = field(default_factory=list)  # files whose imports follow moved modules
    lost: list[str] = field(default_factory=list)  # files whose edits the merge lost
    faults: list[str] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)  # written once, changed by the template since
    renames: list[str] = field(default_factory=list)  # probable renames of the domain, not declared
    migration: str | None = None  # the path of the generated migration
    failed: str = ""  # the check that failed
    patch: str = ""  # of a dry run
    reasons: list[str] = field(default_factory=list)  # why the update is rejected


def changed_answers(report: Report, old: Record, new: Record, answered: Iterable[str]) -> None:
    """Add new and removed questions, and the answers that the template changed, to the report."""
    before, after = (
        {name: answer for name, answer in record.items() if not name.startswith("_")} for record in (old, new)
    )
    report.questions = {name: answer for name, answer in after.items() if name not in before and name not in answered}
    report.dropped = [name for name in before if name not in after]
    report.answers = {
        name: [before[name], after[name]]
        for name in before
        if name in after and name not in answered and before[name] != after[name]
    }


def print_report(report: Report) -> None:
    """Print what the update will change, before it is applied."""
    section("Release notes", report.notes.splitlines())
    section(
        "New questions and their answers; another one: --data QUESTION=ANSWER",
        (f"{name}: {answer}" for name, answer in report.questions.items()),
    )
    section("Answers that the template changed", (f"{name}: {a} → {b}" for name, (a, b) in report.answers.items()))
    section("Questions that no longer exist", report.dropped)
    section("Your renames, followed", (f"{a} → {b}" for a, b in report.followed.items()))
    section("Files that moved with your edits", (f"{a} → {b}" for a, b in report.moved.items()))
    section("Merged, though you and the template changed adjacent lines", report.adjacent)
    section("Imports of moved modules and renamed words were rewritten in:", report.rewritten)
    section("Deleted by you and changed by the template, left deleted", report.left_deleted)
    section("Written once and yours since, changed by the template", report.seeds)
    section("Probable renames", report.renames)


def print_done(report: Report) -> None:
    """Print the commit or branch that contains the applied update."""
    place = f"on the branch {report.branch}" if report.branch else "here. Undo it by: uv run slipway.py undo"
    echo("", f"Done: {str(report.commit)[:12]} is {place}")
