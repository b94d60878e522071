"""Changes of neighbouring lines are merged; changes of the same line stay conflicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from slipway.merge.adjacent import comment_lines, merge_adjacent, merge_hunk, statement_boundaries
from slipway.merge.edits import count_markers, merge_file

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BASE = "A = 1\nB = 2\nC = 3\n"
# One side, the other, and the result: each a list of statements.
MERGED = {
    "insertion below a replaced line": ("A=1 B=9 C=3", "A=1 B=2 X=0 C=3", "A=1 B=9 X=0 C=3"),
    "insertion above a replaced line": ("A=1 B=9 C=3", "A=1 X=0 B=2 C=3", "A=1 X=0 B=9 C=3"),
    "insertion at the end": ("A=1 B=2 C=9", "A=1 B=2 C=3 X=0", "A=1 B=2 C=9 X=0"),
    "comment and code at one place": ("A=1 #why B=2 C=3", "A=1 X=0 B=2 C=3", "A=1 X=0 #why B=2 C=3"),
    "neighbouring statements": ("A=8 B=2 C=3", "A=1 B=9 C=3", "A=8 B=9 C=3"),
    "statement replaced by several": ("A=8 B=2 C=3", "A=1 X=0 Y=0 C=3", "A=8 X=0 Y=0 C=3"),
    "neighbouring statement deleted": ("A=8 B=2 C=3", "A=1 C=3", "A=8 C=3"),
    "two hunks": ("A=8 B=2 C=9", "A=1 X=0 B=2 C=3 Y=0", "A=8 X=0 B=2 C=9 Y=0"),
}
CONFLICTS = {
    "common line": ("A=1 B=9 C=3", "A=1 B=8 C=3"),
    "insertions at one place": ("A=1 Y=0 B=2 C=3", "A=1 X=0 B=2 C=3"),
    "comments at one place": ("A=1 #why B=2 C=3", "A=1 #how B=2 C=3"),
    "insertion below a deleted line": ("A=1 C=3", "A=1 B=2 X=0 C=3"),
    "both replaced by several": ("A=8 Y=0 B=2 C=3", "A=1 X=0 Z=0 C=3"),
    "insertion among replaced lines": ("A=8 B=9 C=3", "A=1 X=0 B=2 C=3"),
    "replaced and inserted by one side": ("A=1 B=9 Y=0 C=3", "A=1 B=2 X=0 C=3"),
    "line that fits in two places": ("A=1 B=9 C=3", "A=1 B=2 B=2 C=3"),
    "name defined twice": ("A=1 X=9 C=3", "A=1 B=2 X=0 C=3"),
}


def statements(text: str) -> str:
    return "".join(f"{word.replace('=', ' = ')}\n" for word in text.split())


def merged(ours: str, theirs: str, base: str = BASE, path: str = "a.py") -> str | None:
    result = merge_adjacent(path, ours.encode(), base.encode(), theirs.encode())
    return None if result is None else result.decode()


@pytest.mark.parametrize(("ours", "theirs", "result"), MERGED.values(), ids=MERGED)
def test_changes_to_neighbouring_lines_are_merged(ours: str, theirs: str, result: str) -> None:
    ours, theirs = statements(ours), statements(theirs)
    assert merged(ours, theirs) == merged(theirs, ours) == statements(result)


def test_imports_at_one_place_are_merged_in_alphabetical_order() -> None:
    base, a, b, c = "from app import main\n", "from app.a import x\n", "from app.b import x as y\n", "from c import d\n"
    assert merged(f"{base}{b}A = 1\n", f"{base}{a}{c}A = 1\n", f"{base}A = 1\n") == f"{base}{a}{b}{c}A = 1\n"
    assert merged(f"{base}{a}{b}A = 1\n", f"{base}{a}{c}A = 1\n", f"{base}A = 1\n") == f"{base}{a}{b}{c}A = 1\n"


def test_import_and_code_at_one_place_stay_conflict() -> None:
    base = "from app import main\n"
    assert merged(f"{base}from app.a import x\n", f"{base}main()\n", base) is None


def test_imports_in_string_at_one_place_stay_conflict() -> None:
    first, last = 'TEXT = """\n', '"""\n'
    assert merged(f"{first}import a\n{last}", f"{first}import b\n{last}", first + last) is None


@pytest.mark.parametrize(("ours", "theirs"), CONFLICTS.values(), ids=CONFLICTS)
def test_changes_without_unique_order_stay_conflicts(ours: str, theirs: str) -> None:
    ours, theirs = statements(ours), statements(theirs)
    assert merged(ours, theirs) is None
    assert merged(theirs, ours) is None


def test_conflict_in_file_without_parser_is_not_merged() -> None:
    ours, theirs, _ = map(statements, MERGED["insertion below a replaced line"])
    assert merged(ours, theirs, path="Dockerfile") is None


def test_merge_that_would_not_parse_stays_conflict() -> None:
    assert merged("f(\n    **a,\n)\n", "f(\n    1,\n    2,\n)\n", "f(\n    1,\n)\n") is None
    assert merged("f(\n    3,\n)\n", "f(\n    1,\n    2,\n)\n", "f(\n    1,\n)\n") == "f(\n    3,\n    2,\n)\n"


def test_text_with_conflict_markers_is_not_merged() -> None:
    ours, theirs, _ = map(statements, MERGED["insertion at the end"])
    assert merged(ours + '"""\n=======\n"""\n', theirs) is None


def test_hash_in_string_is_not_a_comment_line() -> None:
    assert comment_lines(b'# a\nX = """\n# a\n# b\n"""\nY = 1  # c\n# d\n') == {b"# d"}
    assert comment_lines(b"(") == set()


def test_statement_boundary_is_within_one_block() -> None:
    module = b"def f(a):\n    b = a\n    c = (\n        b\n    )\n    return c\n"
    boundaries = {(b"    b = a\n", b"    c = (\n"), (b"    )\n", b"    return c\n")}
    assert statement_boundaries(module) == boundaries
    assert boundaries.isdisjoint(statement_boundaries(module + b'x = """\n' + module + b'"""\n'))
    assert not statement_boundaries(b"(")


def test_changes_to_same_statement_stay_conflict() -> None:
    base = "f(\n    1,\n    2,\n)\n"
    assert merged("f(\n    8,\n    2,\n)\n", "f(\n    1,\n    9,\n)\n", base) is None
    assert merged("[a]\nx = 8\ny = 2\n", "[a]\nx = 1\ny = 9\n", "[a]\nx = 1\ny = 2\n", "a.toml") is None


# Statements that are valid in any order, and names that show who wrote them.
def lines(names: str) -> SearchStrategy[list[bytes]]:
    return st.lists(
        st.sampled_from([f"{name} = {number}\n".encode() for name in names for number in range(3)]), max_size=3
    )


@st.composite
def edits(draw: st.DrawFn, names: str) -> list[list[bytes] | None]:
    """Draw one side's edits: for each base line, lines to insert above it, and whether to replace it."""
    return draw(st.lists(st.one_of(st.none(), lines(names)), min_size=6, max_size=6))


BASE_LINES = [f"base_{number} = 0\n".encode() for number in range(6)]


def apply(changes: list[list[bytes] | None], places: list[bool]) -> list[bytes]:
    """Insert lines above a base line, or replace it by as many lines as there are."""
    result: list[bytes] = []
    for line, change, is_replaced in zip(BASE_LINES, changes, places, strict=True):
        result += change or []
        result += [] if change and is_replaced else [line]
    return result


FLAGS = st.lists(st.booleans(), min_size=6, max_size=6)


@settings(max_examples=60, deadline=None)
@given(edits("abc"), FLAGS, edits("xyz"), FLAGS)
def test_merge_contains_insertions_from_both_sides(
    ours: list[list[bytes] | None], our_places: list[bool], theirs: list[list[bytes] | None], their_places: list[bool]
) -> None:
    sides = apply(ours, our_places), apply(theirs, their_places)
    result = merge_hunk(sides[0], BASE_LINES, sides[1])
    assert result == merge_hunk(sides[1], BASE_LINES, sides[0])
    assume(result is not None)
    for side, other in (sides, sides[::-1]):
        assert [line for line in result or [] if line in side and line not in BASE_LINES] == [
            line for line in side if line not in BASE_LINES
        ]
        deleted = [line for line in BASE_LINES if line not in side]
        assert not [line for line in result or [] if line in deleted], other


@settings(max_examples=60, deadline=None)
@given(edits("abc"), FLAGS, edits("xyz"), FLAGS)
def test_conflict_free_merge_equals_git_merge(
    ours: list[list[bytes] | None], our_places: list[bool], theirs: list[list[bytes] | None], their_places: list[bool]
) -> None:
    base, our, their = (b"".join(each) for each in (BASE_LINES, apply(ours, our_places), apply(theirs, their_places)))
    by_git = merge_file(our, base, their)
    assume(not count_markers(by_git))
    result = merge_hunk(our.splitlines(keepends=True), BASE_LINES, their.splitlines(keepends=True))
    assert result is None or b"".join(result) == by_git
