"""Draw a random sample of a service's mutants, reproducible by a seed.

Lines are ranked by a hash of the seed and their text, not of their number, so that an edit of a file changes the sample
only where it edits.
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

# Every second mutant is coarse. Most lines have strings and numbers, whose mutants are killed easily: fewer turns.
SUBTLE = ("subtle", "subtle", "constant", "subtle", "subtle", "string")
TURNS = tuple(chain.from_iterable(("coarse", subtle) for subtle in SUBTLE))
OPERATORS = (*coarse.OPERATORS, *subtle.OPERATORS, *constants.OPERATORS)


def mutants(path: str, content: bytes) -> list[Mutant]:
    """Return a module's mutants by all operators, without duplicate edits."""
    source = Source(content)
    every = [Mutant(path, source, node, edit) for node in source.nodes for edit in edits(source, node)]
    return list({each.edit.replacements: each for each in reversed(every)}.values())[::-1]


def edits(source: Source, node: ast.AST) -> list[Edit]:
    """Return all operators' edits of one syntax node.

    If several operators drop the same clean-up statement, only the edit of `drop clean-up` counts.
    """
    every = list(chain.from_iterable(operator(source, node) for operator in OPERATORS))
    cleaning = {edit.replacements for edit in every if edit.operator == "drop clean-up"}
    return [edit for edit in every if edit.operator == "drop clean-up" or edit.replacements not in cleaning]


def rank(seed: int, *parts: object) -> str:
    return hashlib.sha256(repr((seed, *parts)).encode()).hexdigest()


def draw(mutants: Iterable[Mutant], number: int, seed: int) -> list[Mutant]:
    """Draw mutants, so that every line gets one before any line gets a second.

    Coarse and subtle mutants alternate.
    """
    candidates = list(mutants)
    groups: dict[str, list[Mutant]] = {name: [] for name in TURNS}
    for each in candidates:
        groups[each.operator if each.operator in groups else each.kind].append(each)
    queues = {name: filter(attrgetter("is_valid"), ranked(group, seed)) for name, group in groups.items()}
    turns = (next(queues[name], None) for _ in candidates for name in TURNS)
    return list(islice(filter(None, turns), number))


def ranked(mutants: list[Mutant], seed: int) -> list[Mutant]:
    """Order mutants so that every line's first mutant comes before any second one."""
    lines: dict[object, list[Mutant]] = defaultdict(list)
    for each in mutants:
        lines[each.location].append(each)
    queues = [(rank(seed, location), shuffled(of_line, seed)) for location, of_line in lines.items()]
    ordered = [of_line for _, of_line in sorted(queues, key=lambda queue: queue[0])]
    return [each for rounds in zip_longest(*ordered) for each in rounds if each]


def shuffled(mutants: list[Mutant], seed: int) -> list[Mutant]:
    """Shuffle a line's mutants by operator, so that many constants do not outweigh one condition."""
    return sorted(mutants, key=lambda each: (rank(seed, each.operator, each.location), rank(seed, each.key)))
