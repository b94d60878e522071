"""Write an update as a Git bundle, from which a CI pipeline opens a pull or merge request.

Files with the request's title and description are written beside it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slipway.git import git

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from slipway.service.checkout import Service
    from slipway.update.report import Report

LONGEST = 60_000  # characters; hosts accept 65,536 in a description


def write_bundle(service: Service, report: Report, directory: Path) -> None:
    """Write `title`, `body.md`, and `update.bundle`, which is a Git bundle of the update's branch."""
    directory.mkdir(parents=True, exist_ok=True)
    branch = str(report.branch)
    (directory / "title").write_text(git(service.directory, "log", "-1", "--format=%s", branch), "utf-8")
    (directory / "body.md").write_text(description(report), "utf-8")
    git(service.directory, "bundle", "create", "--quiet", str(directory / "update.bundle"), f"HEAD..{branch}")


def description(report: Report) -> str:
    """Return the Markdown description of the pull or merge request, with release notes and merges to review."""
    parts = [
        f"Updates the template from {report.before} to {report.after}.",
        report.notes.strip(),
        section(
            "New questions and their answers",
            (f"`{name}`: {code(answer)}" for name, answer in report.questions.items()),
        ),
        section(
            "Answers that the template changed",
            (f"`{name}`: {code(was)} → {code(now)}" for name, (was, now) in report.answers.items()),
        ),
        section("Questions that no longer exist", map(code, report.dropped)),
        section("Your renames, followed", (f"`{old}` → `{new}`" for old, new in report.followed.items())),
        section("Imports of moved modules and renamed words were rewritten in", map(code, report.rewritten)),
        section("Deleted by you and changed by the template, left deleted", map(code, report.left_deleted)),
        section("Written once and yours since, changed by the template", map(code, report.seeds)),
    ]
    return "\n\n".join(filter(None, parts))[:LONGEST] + "\n"


def section(title: str, lines: Iterable[str]) -> str:
    """Return a bold title and a Markdown list; empty if the list has no entries."""
    entries = [f"- {line}" for line in lines]
    return "\n".join([f"**{title}**", "", *entries]) if entries else ""


def code(value: object) -> str:
    """Return a value as Markdown inline code."""
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"
