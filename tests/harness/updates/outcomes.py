"""What an update left of what an owner wrote: kept, told to be gone, in conflict, or lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.harness.workspace import git

if TYPE_CHECKING:
    from pathlib import Path

    Fate = Literal["kept", "told", "conflict", "lost"]

RESTORED = re.compile(r"git restore --source HEAD -- (\S+)")  # as `updates/follow.py` says it
REGION = re.compile(r"^<{7} .*?^>{7} [^\n]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """A service after an update: what each file in conflict shows between its markers, and what is told to be gone."""

    service: Path
    conflicts: dict[str, str]
    told: frozenset[str]

    def read(self, path: str) -> str:
        """Read a file; nothing, where there is none."""
        file = self.service / path
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def fate(self, path: str, lines: str, declared: frozenset[str] = frozenset()) -> Fate:
        """Say what became of lines that the owner wrote into a file.

        A file may be gone that is declared to, by its template or by an answer that changed, and its owner is told.
        """
        if not (self.service / path).exists():
            return "told" if path in self.told & declared else "lost"
        if self.read(path).count(lines) != 1:
            return "lost"
        clashing = self.conflicts.get(path, "").splitlines()
        return "conflict" if any(line in clashing for line in lines.splitlines() if line.strip()) else "kept"


def outcome(service: Path, said: str = "") -> Outcome:
    """Look at a service that was updated, and not committed since; `said` is what its owner was told meanwhile."""
    unmerged = git(service, "diff", "--name-only", "--diff-filter=U", "-z").split("\0")
    regions = {path: between_markers(service / path) for path in filter(None, unmerged)}
    return Outcome(service, regions, frozenset(RESTORED.findall(said)))


def between_markers(file: Path) -> str:
    return "\n".join(REGION.findall(file.read_text(encoding="utf-8")))
