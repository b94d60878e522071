"""Merge changes to adjacent lines, which Git reports as a conflict although they do not overlap.

Git requires an unchanged line between the changes of both sides. These changes do not overlap, and their order is
unambiguous:

- one side inserts lines next to lines that the other replaces, line for line
- one side inserts code, the other comments, which precede the line below (Python)
- both sides insert imports at the same position, which are sorted (Python)
- one side replaces a statement, line for line, the other the next one of the same block, or deletes it (Python)

Everything else stays a conflict: overlapping changes, code that both sides insert at the same position, insertions next
to deletions, and lines that could be inserted at several positions.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from slipway.merge.edits import merge_file
from slipway.merge.faults import CHECKS, UNPARSABLE, faults, new_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    Lines = list[bytes]

HUNK = re.compile(
    rb"^<{7} current\n(?P<current>.*?)^[|]{7} base\n(?P<base>.*?)^={7}\n(?P<other>.*?)^>{7} other\n",
    re.DOTALL | re.MULTILINE,
)
MARKER = re.compile(rb"^(?:<{7}|[|]{7}|={7}|>{7})", re.MULTILINE)


@dataclass(frozen=True)
class Syntax:
    """The comments, imports and statement boundaries of a Python file; empty for other formats."""

    comments: frozenset[bytes] = frozenset()
    imports: frozenset[bytes] = frozenset()  # lines of the module's import statements that take one line
    boundaries: frozenset[tuple[bytes, bytes]] = frozenset()  # the last line of a statement, the first of the next one


class Replacement(NamedTuple):
    """Lines `start` to `end` of the base version, and the lines that replace them on one side of the merge."""

    start: int
    end: int
    lines: Lines

    @property
    def is_insertion(self) -> bool:
        """Whether the change only inserts lines, and replaces none of the base version."""
        return self.start == self.end

    @property
    def is_line_for_line(self) -> bool:
        """Whether the change replaces lines by an equal number of lines."""
        return 0 < self.end - self.start == len(self.lines)


def merge_adjacent(path: str, ours: bytes, base: bytes, theirs: bytes) -> bytes | None:
    """Merge a conflicting file; return None if a conflict cannot be resolved, or if the result is invalid.

    Only formats that `faults` can parse are merged.
    """
    sides = (ours, base, theirs)
    if PurePath(path).suffix not in CHECKS or any(MARKER.search(side) or not side.endswith(b"\n") for side in sides):
        return None
    syntax = Syntax()
    if path.endswith(".py"):
        comments, imports = ({*of(ours), *of(theirs)} for of in (comment_lines, import_lines))
        syntax = Syntax(frozenset(comments), frozenset(imports), statement_boundaries(base))
    result, place = b"", 0
    merged = merge_file(ours, base, theirs)
    for hunk in HUNK.finditer(merged):
        current, before, other = (hunk[name].splitlines(keepends=True) for name in ("current", "base", "other"))
        lines = merge_hunk(current, before, other, syntax)
        if lines is None:
            return None
        result += merged[place : hunk.start()] + b"".join(lines)
        place = hunk.end()
    result += merged[place:]
    is_parsable = not any(fault.startswith(UNPARSABLE) for fault in faults(path, result))
    return result if is_parsable and not MARKER.search(result) and not new_faults(path, result, ours, theirs) else None


def merge_hunk(ours: Lines, base: Lines, theirs: Lines, syntax: Syntax = Syntax()) -> Lines | None:
    """Merge the lines of one conflict; return None if the two changes overlap or their order is ambiguous."""
    mine, others = (
        [part for change in replacements(base, side) for part in by_import(change, syntax)] for side in (ours, theirs)
    )
    if any(not are_independent(a, b, base, syntax) for a in mine for b in others):
        return None
    changes = [*mine, *(each for each in others if each not in mine)]  # both may add the same import
    result: Lines = []
    place = 0
    for change in sorted(changes, key=lambda each: position(each, syntax)):
        result += [*base[place : change.start], *change.lines]
        place = change.end
    return [*result, *base[place:]]


def replacements(base: Lines, side: Lines) -> list[Replacement]:
    """Return the changes that turn the base version into one side of the merge."""
    operations = SequenceMatcher(None, base, side, autojunk=False).get_opcodes()
    return [Replacement(i, j, side[k:m]) for tag, i, j, k, m in operations if tag != "equal"]


def by_import(change: Replacement, syntax: Syntax) -> list[Replacement]:
    """Split an insertion of several imports into one insertion for each line.

    Any other change is returned unchanged.
    """
    if not is_import(change, syntax):
        return [change]
    return [Replacement(change.start, change.end, [line]) for line in change.lines]


def position(change: Replacement, syntax: Syntax) -> tuple[int, int, bool, bytes]:
    """Return the sort key that orders changes of both sides.

    At the same place, comments follow code, and imports are in alphabetical order.
    """
    first = change.lines[0] if is_import(change, syntax) else b""
    return change.start, change.end, is_comment(change, syntax), first


def are_independent(a: Replacement, b: Replacement, base: Lines, syntax: Syntax) -> bool:
    """Return whether two changes, one of each side, do not overlap and have an unambiguous order."""
    if a.end < b.start or b.end < a.start:
        return True
    if a.is_insertion and b.is_insertion:
        are_imports = is_import(a, syntax) and is_import(b, syntax)
        return are_imports or is_comment(a, syntax) != is_comment(b, syntax)
    insertion, other = (a, b) if a.is_insertion else (b, a)
    if insertion.is_insertion:
        is_beside = insertion.start in {other.start, other.end}
        return is_beside and other.is_line_for_line and not is_movable(insertion, base)
    border = max(a.start, b.start)
    is_boundary = border in {a.end, b.end} and (base[border - 1], base[border]) in syntax.boundaries
    return is_boundary and (a.is_line_for_line or b.is_line_for_line)


def is_movable(insertion: Replacement, base: Lines) -> bool:
    """Return whether inserting the lines one line earlier or later would give the same text."""
    before, after = base[: insertion.start][-1:], base[insertion.start :][:1]
    return before == insertion.lines[-1:] or after == insertion.lines[:1]


def is_comment(change: Replacement, syntax: Syntax) -> bool:
    """Return whether a change only inserts comments."""
    return change.is_insertion and all(line.strip() in syntax.comments for line in change.lines)


def is_import(change: Replacement, syntax: Syntax) -> bool:
    """Return whether a change only inserts import statements of the module."""
    return change.is_insertion and all(line in syntax.imports for line in change.lines)


def import_lines(content: bytes) -> frozenset[bytes]:
    """Return the import statements of a Python module that take one line."""
    lines = content.splitlines(keepends=True)
    try:
        statements = ast.parse(content).body
    except (SyntaxError, ValueError):
        return frozenset()
    imports = (each for each in statements if isinstance(each, ast.Import | ast.ImportFrom))
    return frozenset(lines[each.lineno - 1] for each in imports if each.lineno == each.end_lineno)


def comment_lines(content: bytes) -> frozenset[bytes]:
    """Return the comment lines of a Python file, except for lines that also occur inside a string."""
    comments: set[bytes] = set()
    strings: set[bytes] = set()
    try:
        tokens = [*tokenize.tokenize(io.BytesIO(content).readline)]
    except (SyntaxError, tokenize.TokenError):
        return frozenset()
    for token in tokens:
        if token.type == tokenize.COMMENT and token.line.strip() == token.string:
            comments.add(token.string.encode())
        elif token.start[0] != token.end[0]:
            strings |= {line.strip().encode() for line in token.string.splitlines()}
    return frozenset(comments - strings)


def statement_boundaries(content: bytes) -> frozenset[tuple[bytes, bytes]]:
    """Return each pair of adjacent lines between which one statement ends and the next begins.

    Both statements belong to the same block. Pairs that occur more than once are omitted: one of them might be part of
    a string.
    """
    lines = content.splitlines(keepends=True)
    numbers = Counter(pairwise(lines))
    try:
        starts = {start for block in blocks(ast.parse(content)) for start in neighbours(block)}
    except (SyntaxError, ValueError):
        return frozenset()
    pairs = {(lines[start - 2], lines[start - 1]) for start in starts}
    return frozenset(pair for pair in pairs if numbers[pair] == 1)


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Yield each list of statements in a syntax tree that forms a block."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and all(isinstance(each, ast.stmt) for each in value):
                yield value


def neighbours(block: list[ast.stmt]) -> Iterator[int]:
    """Yield the line number of each statement that starts directly below the previous one."""
    for statement, following in pairwise(block):
        decorators = getattr(following, "decorator_list", [])
        start = min([following.lineno, *(each.lineno for each in decorators)])
        if statement.end_lineno == start - 1:
            yield start
