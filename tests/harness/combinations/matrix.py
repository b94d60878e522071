"""Every file of every combination of answers, from few renderings.

Each rendering of a file tells what it read of the answers (`traces.py`). Combinations are rendered until, for each that
there is, each of its files was rendered with the same readings. What a combination gives is then known, file by file,
without rendering it; `test_combinations.py` holds that against what Copier really gives.
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
Paths = tuple[frozenset[str], frozenset[str]]  # those of all files, and what leaves some of them out
Need = tuple[Paths, tuple[int, ...], Readings]


class Matrix:
    """The files of all combinations, as far as they are known.

    `rendered` holds what each rendering gave: the files of a combination, or those of them that were unknown.
    """

    def __init__(self, combinations: Iterable[Combination], file_facts: FileFacts) -> None:
        self.file_facts = file_facts
        self.combinations = list(combinations)
        self.rendered: list[tuple[Combination, Listing]] = []
        self.records: dict[str, tuple[Combination, Blob]] = {}  # Copier's, of each combination that was rendered
        self.reads: dict[str, set[Fact]] = defaultdict(set)
        self.presents: dict[Paths, frozenset[str]] = {}

    def learn(self, renderings: Iterable[tuple[Combination, Rendering]]) -> None:
        """Take in what Copier gave, and order all that is known by paths and readings."""
        for combination, rendering in renderings:
            self.rendered.append((combination, rendering.listing))
            self.records[repr(combination.answers)] = combination, rendering.listing[RECORD]
            for path, read in rendering.trace.items():
                self.reads[path] |= read
        self.places = {path: self.find(path) for path in self.file_facts.paths}
        self.alike: dict[tuple[int, ...], set[str]] = defaultdict(set)  # files that read the same
        for path, places in self.places.items():
            self.alike[places].add(path)
        self.blobs: dict[Key, Blob] = {}
        for combination, listing in self.rendered:
            for path in listing.keys() - {RECORD}:
                self.blobs.setdefault((path, self.readings(path, combination)), listing[path])

    def find(self, path: str) -> tuple[int, ...]:
        """Find the places of what a file reads in the values of a combination."""
        beyond = [name for name, *_ in self.reads[path] if name.startswith("_")]
        assert not beyond, f"{path} reads {', '.join(beyond)}, which no answer decides"
        return tuple(sorted(self.file_facts.places[fact] for fact in self.reads[path] & self.file_facts.places.keys()))

    def readings(self, path: str, combination: Combination) -> Readings:
        values = combination.values
        return tuple([values[place] for place in self.places[path]])

    def present(self, combination: Combination) -> frozenset[str]:
        """List the paths of a combination, but for Copier's record."""
        key = combination.paths, combination.omitted
        if key not in self.presents:
            left_out = map(self.file_facts.left_out, combination.omitted)
            self.presents[key] = combination.paths.difference(*left_out)
        return self.presents[key]

    def needed(self, combination: Combination) -> Iterator[Need]:
        """Tell what of a combination's files has to be known: for files that read the same, what they read."""
        paths, values = (combination.paths, combination.omitted), combination.values
        return ((paths, places, tuple([values[place] for place in places])) for places in self.alike)

    def keys(self, need: Need) -> set[Key]:
        """Name each file of a need, with its readings."""
        paths, places, readings = need
        return {(path, readings) for path in self.presents[paths] & self.alike[places]}

    def unknown(self, combinations: Iterable[Combination]) -> Iterator[tuple[Combination, frozenset[str]]]:
        """Find the files that were never rendered with what they read, each in the first combination that has it."""
        known, met = set(self.blobs), set[Need]()
        for combination in combinations:
            self.present(combination)
            new = [need for need in self.needed(combination) if need not in met]
            met.update(new)
            keys = set[Key]().union(*map(self.keys, new)) - known
            if keys:
                known |= keys
                yield combination, frozenset(path for path, _ in keys)

    def compose(self, combination: Combination) -> Listing:
        """Tell what Copier would give, but for its record."""
        self.present(combination)
        return {key[0]: self.blobs[key] for need in self.needed(combination) for key in self.keys(need)}

    @cache  # noqa: B019 - it lives as long as the run
    def codes(self) -> dict[frozenset[tuple[str, Blob]], list[Combination]]:
        """Group all combinations by what a service's tests, types and lint depend on."""
        places = sorted({place for path in self.places if is_code(path) for place in self.places[path]})
        alike: dict[object, list[Combination]] = defaultdict(list)
        for combination in self.combinations:
            present = self.code_of(combination.paths, combination.omitted)
            alike[present, tuple([combination.values[place] for place in places])].append(combination)
        grouped: dict[frozenset[tuple[str, Blob]], list[Combination]] = defaultdict(list)
        for group in alike.values():
            grouped[self.code(group[0])] += group
        return grouped

    def code(self, combination: Combination) -> frozenset[tuple[str, Blob]]:
        return frozenset((path, blob) for path, blob in self.compose(combination).items() if is_code(path))

    @cache  # noqa: B019 - it lives as long as the run
    def code_of(self, paths: frozenset[str], omitted: frozenset[str]) -> frozenset[str]:
        """List the paths of code of a combination."""
        return frozenset(filter(is_code, self.presents[paths, omitted]))
