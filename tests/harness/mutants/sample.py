"""The draw: which mutants of a service's modules are tried, by a seed and by what each line says.

Lines are ranked by a hash of the seed and of what they say, not of where they stand, so that an edit of one file
changes the sample only there.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import chain, islice, zip_longest
from operator import attrgetter
from typing import TYPE_CHECKING

from tests.harness.mutants import coarse, constants, subtle
from tests.harness.mutants.mutation import Mutant
from tests.harness.mutants.source import Source

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterable

    from tests.harness.mutants.mutation import Edit

# Every second mutant is coarse. Most lines have strings and numbers, whose mutants die easily: they get fewer turns.
SUBTLE = ("subtle", "subtle", "constant", "subtle", "subtle", "string")
TURNS = tuple(chain.from_iterable(("coarse", subtle) for subtle in SUBTLE))
OPERATORS = (*coarse.OPERATORS, *subtle.OPERATORS, *constants.OPERATORS)


def mutants(path: str, content: bytes) -> list[Mutant]:
    """List every mutant of a module."""
    source = Source(content)
    found = [Mutant(path, source, node, edit) for node in source.nodes for edit in edits(source, node)]
    return list({each.edit.replacements: each for each in reversed(found)}.values())[::-1]


def edits(source: Source, node: ast.AST) -> list[Edit]:
    """List the edits of one node; a statement that cleans up is dropped as such, by no other operator."""
    found = list(chain.from_iterable(operator(source, node) for operator in OPERATORS))
    cleaning = {edit.replacements for edit in found if edit.operator == "drop clean-up"}
    return [edit for edit in found if edit.operator == "drop clean-up" or edit.replacements not in cleaning]


def rank(seed: int, *parts: object) -> str:
    return hashlib.sha256(repr((seed, *parts)).encode()).hexdigest()


def draw(found: Iterable[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draw mutants, coarse and subtle by turns; lines first, then one of each line's mutants, then a second."""
    several = list(found)
    groups: dict[str, list[Mutant]] = {name: [] for name in TURNS}
    for each in several:
        groups[each.operator if each.operator in groups else each.kind].append(each)
    queues = {name: filter(attrgetter("is_valid"), ranked(group, seed)) for name, group in groups.items()}
    turns = (next(queues[name], None) for _ in several for name in TURNS)
    return list(islice(filter(None, turns), number))


def ranked(found: list[Mutant], seed: int) -> list[Mutant]:
    """Order mutants so that no line has its second before every line has its first."""
    lines: dict[object, list[Mutant]] = defaultdict(list)
    for each in found:
        lines[each.place].append(each)
    queues = [(rank(seed, place), shuffled(several, seed)) for place, several in lines.items()]
    ordered = [several for _, several in sorted(queues, key=lambda queue: queue[0])]
    return [each for rounds in zip_longest(*ordered) for each in rounds if each]


def shuffled(several: list[Mutant], seed: int) -> list[Mutant]:
    """Order the mutants of a line: operators first, so that many constants do not outweigh one condition."""
    return sorted(several, key=lambda each: (rank(seed, each.operator, each.place), rank(seed, each.key)))
