"""Mutation operators edit and skip the expected code, and samples of mutants are reproducible."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.harness.mutants.equivalents import Equivalent
from tests.harness.mutants.sample import draw, mutants

if TYPE_CHECKING:
    from tests.harness.mutants.mutation import Mutant

MODULE = """
import os
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from app import never

__all__ = ["one"]


async def one(session, old: Annotated[int, Query(ge=1)] = 2) -> None:
    '''Do nothing.'''
    try:
        if old > 1 and session:
            await session.flush()
    finally:
        session.close()
    log.info("done %s", 3)
    raise NotFound("nothing is there")


if __name__ == "__main__":
    one(7)
"""


def valid_mutants(source: str, operator: str = "") -> list[Mutant]:
    candidates = mutants("app/one.py", dedent(source).encode())
    return [each for each in candidates if each.is_valid and operator in {each.operator, ""}]


def edited_lines(source: str, operator: str) -> list[str]:
    """Return the edited line of each mutant of one operator."""
    return [each.mutated.decode().splitlines()[each.line - 1].strip() for each in valid_mutants(source, operator)]


@pytest.mark.parametrize(
    ("operator", "source", "expected"),
    [
        ("negate", "if a: b()", ["if not (a): b()"]),
        ("negate", "while not a.b: c()", ["while (a.b): c()"]),
        ("negate", "x = [a for a in b if a.c]", ["x = [a for a in b if not (a.c)]"]),
        ("negate", "x = 1 if a else 2", ["x = 1 if not (a) else 2"]),
        ("negate", "x = a == b", ["x = a != b"]),
        ("negate", "x = a is not b", ["x = a is b"]),
        ("negate", "x = a not in (b)", ["x = a in (b)"]),
        ("negate", "if a == b: c()", ["if not (a == b): c()"]),
        ("negate", "while True: a()", []),
        ("and/or", "x = a and (b or c) and d", ["x = a or (b or c) or d", "x = a and (b and c) and d"]),
        ("return None", "def f():\n    return a", ["return None"]),
        ("return None", "def f():\n    return []", []),
        ("drop statement", "a.b(c)", ["pass"]),
        ("drop statement", "def f():\n    raise E from None", ["pass"]),
        ("drop statement", "a.b = c", ["pass"]),
        ("drop statement", "a += 1", ["pass"]),
        ("drop statement", "a = b()", []),
        ("boundary", "x = a < b", ["x = a <= b"]),
        ("boundary", "x = (a) >= (b)", ["x = (a) > (b)"]),
        ("drop term", "x = a or b and c", ["x = b and c", "x = a", "x = a or c", "x = a or b"]),
        ("drop term", "x = (a or b)", ["x = (b)", "x = (a)"]),
        ("drop term", "x = (a) or (b)", ["x = (b)", "x = (a)"]),
        ("drop filter", "x = q.where(a, b)", ["x = q.where(b)", "x = q.where(a)"]),
        ("drop filter", "x = q.where(a == 1)", ["x = q"]),
        ("drop filter", "x = and_(a, b)", ["x = and_(b)", "x = and_(a)"]),
        ("drop filter", "x = q.with_for_update(read=True).one()", ["x = q.one()"]),
        ("drop argument", "f(a, b=1, **c)", ["f(a, **c)"]),
        ("drop argument", "f(b=1)", ["f()"]),
        ("drop argument", "f(a=1, b=2)", ["f(b=2)", "f(a=1)"]),
        ("drop argument", "f(description='x')", []),
        ("drop argument", "zip(a, b, strict=True)", []),
        ("drop argument", "@dataclass(frozen=True, eq=False)\nclass A: pass", ["@dataclass(frozen=True)"]),
        ("drop await", "async def f():\n    await a.b()", ["pass"]),
        ("drop await", "async def f():\n    x = await a.b()", []),
        ("drop clean-up", "async def f():\n    await a.rollback()", ["pass"]),
        ("drop clean-up", "try:\n    a()\nfinally:\n    b()", ["pass"]),
        ("drop clean-up", "try:\n    a()\nexcept E:\n    b()", ["pass"]),
        ("constant", "x = 2", ["x = 3", "x = 1"]),
        ("constant", "x = True", ["x = False"]),
        ("string", "x = 'é', 'b'", ["x = 'éx', 'b'", "x = 'é', 'bx'"]),
        ("string", "x = f'cache:{a.b}'", ["x = f'cache:'"]),
        ("string", "x = 'this is for people'", []),
        ("string", "x = text('SELECT 1 FROM a')", ["x = text('SELECT 1 FROM ax')"]),
        ("string", "raise E('gone')", []),
        ("status", "x = HTTPStatus.NO_CONTENT", ["x = HTTPStatus.OK"]),
    ],
)
def test_mutation_operator_makes_expected_edits(operator: str, source: str, expected: list[str]) -> None:
    assert edited_lines(source, operator) == expected


def test_multiline_condition_mutant_is_valid_python() -> None:
    (mutant,) = valid_mutants("x = (\n    a\n    and b\n)\n", "and/or")
    assert mutant.mutated.decode() == "x = (\n    a\n    or b\n)\n"


def test_code_without_behaviour_is_not_mutated() -> None:
    """Imports, annotations, docstrings, type-checking blocks, prose and log arguments are excluded."""
    assert [(each.operator, *each.changes[0]) for each in valid_mutants(MODULE)] == [
        ("drop argument", "ge=1", ""),
        ("constant", "1", "2"),
        ("constant", "1", "0"),
        ("constant", "2", "3"),
        ("constant", "2", "1"),
        ("negate", "old > 1 and session", "not (old > 1 and session)"),
        ("and/or", "and", "or"),
        ("drop term", "old > 1 and", ""),
        ("drop term", "and session", ""),
        ("boundary", ">", ">="),
        ("constant", "1", "2"),
        ("constant", "1", "0"),
        ("drop await", "await session.flush()", "pass"),
        ("drop clean-up", "session.close()", "pass"),
        ("drop statement", 'log.info("done %s", 3)', "pass"),
        ("drop statement", 'raise NotFound("nothing is there")', "pass"),
    ]


def test_code_in_default_or_cached_function_runs_once() -> None:
    source = "X = 1\n@cache\ndef f(a=2):\n    return g(3)\ndef h():\n    return g(4)\n"
    runs = {each.changes[0][0]: each.runs_once for each in valid_mutants(source, "constant")}
    assert runs == {"1": True, "2": True, "3": True, "4": False}


def test_multiline_condition_mutant_includes_all_header_lines() -> None:
    (mutant,) = valid_mutants("if (\n    a\n):\n    b()\n", "negate")
    assert mutant.lines == (1, 3)


@pytest.fixture
def candidates() -> list[Mutant]:
    return mutants("app/one.py", MODULE.encode())


def test_mutant_sample_is_reproducible_by_seed(candidates: list[Mutant]) -> None:
    assert draw(candidates, 8, 1) == draw(candidates, 8, 1) != draw(candidates, 8, 2)


def test_half_of_sampled_mutants_are_subtle(candidates: list[Mutant]) -> None:
    kinds = [each.kind for each in draw(candidates, 8, 1)]
    assert kinds.count("subtle") == 4


def test_mutant_sample_is_stable_under_unrelated_edits(candidates: list[Mutant]) -> None:
    """Line numbers and other files do not affect the sample of a file."""
    moved = mutants("app/one.py", b"# A comment.\n" + MODULE.encode())
    other = mutants("app/other.py", b"x = None\n")
    assert [each.key for each in draw([*other, *moved], 8, 1)] == [each.key for each in draw(candidates, 8, 1)]


def test_equivalent_mutant_entry_matches_only_its_change(candidates: list[Mutant]) -> None:
    entry = Equivalent("app/one.py", "session.close()", "session.close()", "pass", "an example")
    assert [each.operator for each in candidates if entry.matches(each)] == ["drop clean-up"]
