"""Every file of every combination of answers, from few renderings.

Each rendering of a file tells what it read of the answers (`traces.py`). Combinations are rendered until, for each that
there is, each of its files was rendered with the same readings. What a combination gives is then known, file by file,
without rendering it; `test_every_combination.py` holds that against what Copier really gives.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tests.harness.services import is_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.harness.facts import Combination, Oracle
    from tests.harness.presses import Rendering
    from tests.harness.store import Blob, Listing
    from tests.harness.traces import Fact

RECORD = ".copier-answers.yml"  # Copier's own, of all answers, and so another one in every combination
Readings = tuple[int, ...]
Key = tuple[str, Readings]


class Matrix:
    """The files of all combinations, as far as they are known."""

    def __init__(self, combinations: Iterable[Combination], oracle: Oracle) -> None:
        self.oracle = oracle
        self.combinations = list(combinations)
        self.rendered: list[tuple[Combination, Listing]] = []
        self.reads: dict[str, set[Fact]] = defaultdict(set)

    def learn(self, renderings: Iterable[tuple[Combination, Rendering]]) -> None:
        """Take in what Copier gave, and order all that is known by paths and readings."""
        for combination, rendering in renderings:
            self.rendered.append((combination, rendering.listing))
            for path, read in rendering.trace.items():
                self.reads[path] |= read
        self.places = {path: self.find(path) for path in self.oracle.paths}
        self.printed = sorted(path for path, places in self.places.items() if places)
        self.blobs: dict[Key, Blob] = {}
        for combination, listing in self.rendered:
            for path in listing.keys() - {RECORD}:
                self.blobs.setdefault((path, self.readings(path, combination)), listing[path])

    def find(self, path: str) -> tuple[int, ...]:
        """Find the places of what a file reads in the values of a combination."""
        beyond = [name for name, *_ in self.reads[path] if name.startswith("_")]
        assert not beyond, f"{path} reads {', '.join(beyond)}, which no answer decides"
        return tuple(sorted(self.oracle.places[fact] for fact in self.reads[path] & self.oracle.places.keys()))

    def readings(self, path: str, combination: Combination) -> Readings:
        values = combination.values
        return tuple([values[place] for place in self.places[path]])

    def present(self, combination: Combination) -> frozenset[str]:
        """List the paths of a combination, but for Copier's record."""
        return combination.paths.difference(*map(self.oracle.left_out, combination.omitted))

    def unknown(self) -> Iterator[Combination]:
        """Find combinations that, once rendered, leave none with a file that was never rendered so."""
        known = set(self.blobs)
        whole = {path for path, _ in known}
        for combination in self.combinations:
            present = self.present(combination)
            printed = {(path, self.readings(path, combination)) for path in self.printed if path in present}
            if not (printed <= known and present <= whole):
                known |= printed
                whole |= present
                yield combination

    def compose(self, combination: Combination) -> Listing:
        """Tell what Copier would give, but for its record."""
        return {path: self.blobs[path, self.readings(path, combination)] for path in self.present(combination)}

    def codes(self) -> dict[frozenset[tuple[str, Blob]], list[Combination]]:
        """Group all combinations by what a service's tests, types and lint depend on."""
        places = sorted({place for path in self.printed if is_code(path) for place in self.places[path]})
        alike: dict[object, list[Combination]] = defaultdict(list)
        for combination in self.combinations:
            present = frozenset(name for name in combination.omitted if any(map(is_code, self.oracle.left_out(name))))
            alike[present, tuple([combination.values[place] for place in places])].append(combination)
        grouped: dict[frozenset[tuple[str, Blob]], list[Combination]] = defaultdict(list)
        for group in alike.values():
            grouped[self.code(group[0])] += group
        return grouped

    def code(self, combination: Combination) -> frozenset[tuple[str, Blob]]:
        return frozenset((path, blob) for path, blob in self.compose(combination).items() if is_code(path))
