"""What an update has done to a service, before anybody takes it."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import PurePath
from typing import Any

from .faults import faults, markers
from .merging import lacks, merged
from .pristine import Rendering, render
from .repository import Record, Service, listed, parsed

LOCK = "uv.lock"  # which whoever runs a command of the service's makes, where there is none
ALIKE = 0.5  # of two files' lines, from which on one may have become the other


@dataclass(frozen=True)
class Judgement:
    """The service in the work tree of an update, and what the template alone makes of it."""

    service: Service
    start: str  # the commit that the update began at

    @cached_property
    def records(self) -> tuple[Record, Record]:
        """Read the record before and after."""
        name = self.service.answers_file
        return parsed(self.had(name) or b"", name), self.service.record

    @cached_property
    def old(self) -> Rendering:
        return render(self.records[0], self.service.answers_file)

    @cached_property
    def new(self) -> Rendering:
        return render(self.records[1], self.service.answers_file)

    @cached_property
    def changed(self) -> dict[str, bytes]:
        """Read what the update changed or added."""
        paths = {*self._differing("--diff-filter=d"), *self._untracked}
        there = {path: self.service.current(path) for path in sorted(paths)}
        return {path: content for path, content in there.items() if content is not None}

    @cached_property
    def _untracked(self) -> list[str]:
        options = ("-z", "--others", "--exclude-standard")
        paths = listed(self.service.directory, "ls-files", *options)
        return [path for path in paths if path != LOCK]

    def _differing(self, chosen: str) -> list[str]:
        options = ("--relative", "--name-only", "--no-renames", "-z", chosen)
        return listed(self.service.directory, "diff", *options, self.start, "--", ".")

    def had(self, path: str) -> bytes | None:
        """Read a file as it was before the update."""
        return self.service.committed(path, self.start)

    @cached_property
    def conflicts(self) -> list[str]:
        """List the files in which both sides changed the same lines, and nobody has decided yet."""
        return [
            path
            for path, content in self.changed.items()
            if path.endswith(".rej") or markers(content) > self._markers_of_old(path)
        ]

    def _markers_of_old(self, path: str) -> int:
        """Count what looks like a conflict, and is none: a page about conflicts may show some."""
        return max(markers(self.had(path) or b""), markers(self.new.files.get(path, b"")))

    @cached_property
    def deleted(self) -> list[str]:
        """List the files that are gone, though they were edited, and live on nowhere."""
        gone = {path: self.had(path) for path in self._differing("--diff-filter=D")}
        return [
            path
            for path, content in gone.items()
            if content is not None
            and content != self.old.files.get(path)
            and not any(self._has_become(path, content, other) for other in self._added)
        ]

    @cached_property
    def _added(self) -> list[str]:
        return [path for path in self.changed if self.had(path) is None]

    def _has_become(self, path: str, content: bytes, other: str) -> bool:
        """Say whether the edits of a file that is gone are found in one that has come."""
        base, made = self.old.files.get(path), self.new.files.get(other)
        found = self.changed[other]
        if base is None or made is None or PurePath(path).suffix != PurePath(other).suffix:
            return False
        if merged(content, base, made) == found:
            return True
        matcher = SequenceMatcher(None, content.splitlines(), found.splitlines(), autojunk=False)
        return found != made and matcher.ratio() > ALIKE

    @cached_property
    def seeds(self) -> list[str]:
        """List the files that the template writes otherwise now, and that were left as they are."""
        both = self.old.files.keys() & self.new.files.keys() - self.changed.keys()
        return [path for path in sorted(both) if self._is_left_behind(path)]

    def _is_left_behind(self, path: str) -> bool:
        old, new = self.old.files[path], self.new.files[path]
        current = self.service.current(path) if old != new else None
        return current is not None and lacks(current, old, new, current)

    @cached_property
    def faults(self) -> list[str]:
        """Tell what a merge without conflicts has broken: what neither side had."""
        return [
            f"{path}: {fault}"
            for path, content in self.changed.items()
            if path not in self.conflicts
            for fault in sorted(
                faults(path, content)
                - faults(path, self.had(path))
                - faults(path, self.new.files.get(path))
            )
        ]

    @property
    def questions(self) -> dict[str, Any]:
        """Give the questions that are new, and the answers that were taken."""
        old, new = self.records
        return {name: new[name] for name in new if name[0] != "_" and name not in old}

    @property
    def dropped(self) -> list[str]:
        """List the questions that are asked no longer."""
        old, new = self.records
        return [name for name in old if name[0] != "_" and name not in new]

    def others(self, given: list[str]) -> Iterator[tuple[str, Any, Any]]:
        """List the answers that are others now, though the owner gave none: what was, what is."""
        old, new = self.records
        for name in old.keys() & new.keys() - set(given):
            if name[0] != "_" and old[name] != new[name]:
                yield name, old[name], new[name]
