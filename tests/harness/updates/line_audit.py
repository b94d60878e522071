"""Find changes that a merge lost: lines that are neither in the result nor in a conflict.

The audit uses neither Git's merge nor the command's verification: a change is the difference of two multisets of lines.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from extensions.slipway_template.footprint import RECORD
from slipway.imports.files import rewrite_files
from slipway.imports.order import find_ruff, keep_order
from slipway.moves.declared import Moves
from tests.harness.combinations.rendering import tree
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Texts = Mapping[str, str]  # by path

OPENING, MIDDLE, CLOSING = "<<<<<<< ", "=======", ">>>>>>> "


def texts(directory: Path) -> Texts:
    """Return a service's files, without its answers file and the work tree of an update."""
    return {
        path: file.text for path, file in tree(directory).items() if path != RECORD and not path.startswith(".dev/")
    }


def split(text: str) -> tuple[Counter[str], Counter[str]]:
    """Count the occurrences of each line outside and inside of conflict regions."""
    outside: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    target = outside
    for line in text.splitlines():
        if line.startswith(OPENING):
            target = inside
        elif line.startswith(CLOSING):
            target = outside
        elif target is outside or line != MIDDLE:
            target[line] += 1
    return outside, inside


def missing(base: str, side: str, other: str, result: str) -> list[str]:
    """Return one side's changes that are missing in the merged file, as `+line` or `-line`.

    Lines of conflicts count as present. Where both sides made the same change, it is expected once.
    """
    before, after, others = (Counter(text.splitlines()) for text in (base, side, other))
    outside, inside = split(result)
    changes = []
    for line in before.keys() | after.keys():
        by_other = others[line] - before[line]
        added = after[line] - before[line]
        if added > 0 and outside[line] + inside[line] < after[line] + min(0, by_other):
            changes.append(f"+{line}")
        if added < 0 and outside[line] > after[line] + max(0, by_other):
            changes.append(f"-{line}")
    return sorted(changes)


@dataclass
class Audit:
    """The changed lines, by path, that an update neither merged nor reported."""

    lost: dict[str, list[str]] = field(default_factory=dict)  # of the owner
    dropped: dict[str, list[str]] = field(default_factory=dict)  # of the template
    edited: int = 0  # files that the owner changed, added or deleted


@dataclass(frozen=True)
class Merge:
    """The files of an update's base, sides and result, and the update's JSON report."""

    base: Texts  # rendered by the old version
    ours: Texts  # with the owner's edits
    theirs: Texts  # rendered by the new version
    result: Texts
    report: Mapping[str, Any]
    renamed: Mapping[str, str] = field(default_factory=dict)  # by the owner
    moves: Moves = field(default_factory=Moves)  # of the template

    def audit(self) -> Audit:
        """Return the changes that the merge lost, after rewriting references to moved modules."""
        followed = replace(self, base=self.rewritten(self.base), ours=self.rewritten(self.ours))
        return followed.missing_changes()

    def rewritten(self, files: Texts) -> Texts:
        """Update references to moved modules and names in files, without moving the files."""
        moved = self.moves.paths(self.base, self.theirs)
        renames = self.moves.renames(self.base, {*self.theirs, *(self.ours.keys() - self.base.keys())})
        changed = {path: (files[path], text) for path, text in rewrite_files(files, renames, moved).items()}
        return {**files, **keep_order(changed, self.ours.get("ruff.toml", ""), find_ruff(ROOT))}

    def missing_changes(self) -> Audit:
        """Return the owner's and the template's changes that the result lacks."""
        audit = Audit()
        moved = self.moves.paths(self.base, self.theirs) | self.report["moved"]
        origins = {target: path for path, target in self.renamed.items() if target in self.ours}
        sources = {target: path for path, target in moved.items() if target in self.theirs}
        for path in self.ours.keys() | (self.base.keys() - self.renamed.keys()):
            origin = origins.get(path, path)
            lines = self.lost_of(path, origin, moved.get(origin, origin))
            audit.edited += self.base.get(origin) != self.ours.get(path)
            if lines:
                audit.lost[path] = lines
        for path in self.theirs:
            origin = sources.get(path, path)
            owned = self.renamed.get(origin, origin)
            if lines := self.dropped_of(path, origin, owned if owned in self.ours else origin):
                audit.dropped[path] = lines
        return audit

    def text_of(self, *paths: str) -> str | None:
        """Return a merged file's text; None if none of its possible paths exists."""
        return next((self.result[path] for path in paths if path in self.result), None)

    def lost_of(self, path: str, origin: str, target: str) -> list[str]:
        """Return the owner's changes of a file that are missing in the result."""
        base, ours = self.base.get(origin), self.ours.get(path)
        if base == ours:
            return []
        result = self.text_of(target if path == origin else path, path, target)
        if ours is None:
            return [] if result is None or path in self.report["conflicts"] else ["-the whole file"]
        if result is None:
            return [] if path in self.report["deleted"] else ["+the whole file"]
        return missing(base or "", ours, self.theirs.get(target, base or ""), result)

    def dropped_of(self, path: str, origin: str, owned: str) -> list[str]:
        """Return the template's changes of a file that are neither in the result nor in the report."""
        base, theirs, ours = self.base.get(origin), self.theirs[path], self.ours.get(owned)
        if base == theirs or {path, origin} & {*self.report["seeds"], *self.report["left_deleted"]}:
            return []
        result = self.text_of(path, owned)
        if result is None:
            return ["+the whole file"]
        return missing(base or "", theirs, base or "" if ours is None else ours, result)
