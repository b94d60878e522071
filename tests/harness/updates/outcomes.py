"""Classify a user's edits after an update as preserved, reported, in conflict, or lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

    EditStatus = Literal["preserved", "reported", "conflict", "lost"]

RESTORED = re.compile(r"git restore --source HEAD -- (\S+)")  # the message of `updates/follow.py`
REGION = re.compile(r"^<{7} .*?^>{7} [^\n]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """A service after an update, with its conflicts and the deletions that the update reported."""

    service: Path
    conflicts: dict[str, str]
    reported: frozenset[str]

    def read(self, path: str) -> str:
        """Return a file's text, empty if the file is missing."""
        file = self.service / path
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def status(self, path: str, lines: str, declared: frozenset[str] = frozenset(), times: int = 1) -> EditStatus:
        """Classify lines that the user inserted as preserved, reported, in conflict or lost.

        `times` is the number of files with these lines that became one. A missing file is fine if its deletion is
        declared, by the template or a changed answer, and reported.
        """
        if not (self.service / path).exists():
            return "reported" if path in self.reported & declared else "lost"
        if self.read(path).count(lines) != times:
            return "lost"
        conflicting = self.conflicts.get(path, "").splitlines()
        return "conflict" if any(line in conflicting for line in lines.splitlines() if line.strip()) else "preserved"


def outcome(service: Path, output: str = "") -> Outcome:
    """Return the outcome of an uncommitted update whose printed output is `output`."""
    unmerged = git(service, "diff", "--name-only", "--diff-filter=U", "-z").split("\0")
    regions = {path: between_markers(service / path) for path in filter(None, unmerged)}
    return Outcome(service, regions, frozenset(RESTORED.findall(output)))


def between_markers(file: Path) -> str:
    return "\n".join(REGION.findall(file.read_text(encoding="utf-8")))
