"""Compose every file of every combination of answers from few renderings.

The facts that a file reads are recorded as it is rendered (`recorder.py`). Files are rendered until, for every
combination, each of its files was rendered with the same readings. Every combination can then be composed without
rendering it; `test_rendering.py` compares some with Copier's output.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.services import is_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.harness.combinations.blobs import Blob, Listing
    from tests.harness.combinations.facts import Combination, FileFacts
    from tests.harness.combinations.recorder import Fact
    from tests.harness.combinations.render_all import Rendering

Readings = tuple[int, ...]
Key = tuple[str, Readings]
Paths = tuple[frozenset[str], frozenset[str]]  # candidate and excluded paths
Need = tuple[Paths, tuple[int, ...], Readings]


class Matrix:
    """The rendered files from which every combination of answers is composed.

    `rendered` has the listing of each rendering: all files of a combination, or those that were unknown.
    """

    def __init__(self, combinations: Iterable[Combination], file_facts: FileFacts) -> None:
        self.file_facts = file_facts
        self.combinations = list(combinations)
        self.rendered: list[tuple[Combination, Listing]] = []
        self.records: dict[str, tuple[Combination, Blob]] = {}  # answers files of rendered combinations
        self.reads: dict[str, set[Fact]] = defaultdict(set)
        self.present_paths: dict[Paths, frozenset[str]] = {}

    def add(self, renderings: Iterable[tuple[Combination, Rendering]]) -> None:
        """Add renderings, and index each file by its path and the values that it reads."""
        for combination, rendering in renderings:
            self.rendered.append((combination, rendering.listing))
            self.records[repr(combination.answers)] = combination, rendering.listing[RECORD]
            for path, read in rendering.trace.items():
                self.reads[path] |= read
        self.indexes = {path: self.find(path) for path in self.file_facts.paths}
        self.by_indexes: dict[tuple[int, ...], set[str]] = defaultdict(set)  # paths of files that read the same facts
        for path, indexes in self.indexes.items():
            self.by_indexes[indexes].add(path)
        self.blobs: dict[Key, Blob] = {}
        for combination, listing in self.rendered:
            for path in listing.keys() - {RECORD}:
                self.blobs.setdefault((path, self.readings(path, combination)), listing[path])

    def find(self, path: str) -> tuple[int, ...]:
        """Return the indexes in `Combination.values` of the values that a file reads."""
        beyond = [name for name, *_ in self.reads[path] if name.startswith("_")]
        assert not beyond, f"{path} reads {', '.join(beyond)}, which depends on no answer"
        return tuple(
            sorted(self.file_facts.indexes[fact] for fact in self.reads[path] & self.file_facts.indexes.keys())
        )

    def readings(self, path: str, combination: Combination) -> Readings:
        values = combination.values
        return tuple([values[index] for index in self.indexes[path]])

    def present(self, combination: Combination) -> frozenset[str]:
        """Return the file paths of a combination, without the answers file."""
        key = combination.paths, combination.excluded
        if key not in self.present_paths:
            exclusions = map(self.file_facts.excluded_by, combination.excluded)
            self.present_paths[key] = combination.paths.difference(*exclusions)
        return self.present_paths[key]

    def needed(self, combination: Combination) -> Iterator[Need]:
        """Group the files of a combination by the variables that they read.

        A group has the combination's paths, the indexes of the variables, and the variables' values.
        """
        paths, values = (combination.paths, combination.excluded), combination.values
        return ((paths, indexes, tuple([values[index] for index in indexes])) for indexes in self.by_indexes)

    def keys(self, need: Need) -> set[Key]:
        """Return the key of each file in a group: its path and the values that it reads."""
        paths, indexes, readings = need
        return {(path, readings) for path in self.present_paths[paths] & self.by_indexes[indexes]}

    def unknown(self, combinations: Iterable[Combination]) -> Iterator[tuple[Combination, frozenset[str]]]:
        """Yield combinations with unrendered files, and the paths of these files.

        A file that several combinations share is yielded with the first.
        """
        known, seen = set(self.blobs), set[Need]()
        for combination in combinations:
            self.present(combination)
            new = [need for need in self.needed(combination) if need not in seen]
            seen.update(new)
            keys = set[Key]().union(*map(self.keys, new)) - known
            if keys:
                known |= keys
                yield combination, frozenset(path for path, _ in keys)

    def compose(self, combination: Combination) -> Listing:
        """Return the files that Copier would render for a combination, without the answers file."""
        self.present(combination)
        return {key[0]: self.blobs[key] for need in self.needed(combination) for key in self.keys(need)}

    @cache  # noqa: B019 - it lives as long as the run
    def codes(self) -> dict[frozenset[tuple[str, Blob]], list[Combination]]:
        """Map each distinct code, as paths and blobs, to the combinations that have it."""
        indexes = sorted({index for path in self.indexes if is_code(path) for index in self.indexes[path]})
        by_indexes: dict[object, list[Combination]] = defaultdict(list)
        for combination in self.combinations:
            present = self.code_of(combination.paths, combination.excluded)
            by_indexes[present, tuple([combination.values[index] for index in indexes])].append(combination)
        grouped: dict[frozenset[tuple[str, Blob]], list[Combination]] = defaultdict(list)
        for group in by_indexes.values():
            grouped[self.code(group[0])] += group
        return grouped

    def code(self, combination: Combination) -> frozenset[tuple[str, Blob]]:
        return frozenset((path, blob) for path, blob in self.compose(combination).items() if is_code(path))

    @cache  # noqa: B019 - it lives as long as the run
    def code_of(self, paths: frozenset[str], excluded: frozenset[str]) -> frozenset[str]:
        """Return the paths of a combination's files that tests, mypy or linters read."""
        return frozenset(filter(is_code, self.present_paths[paths, excluded]))
