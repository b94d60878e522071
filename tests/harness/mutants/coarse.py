"""Coarse mutation operators, whose edits almost any test of the line should detect."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.harness.mutants.mutation import Edit, replace
from tests.harness.mutants.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.mutants.source import Source

OPPOSITE: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
COMPARISON = re.compile(r"is\s+not|not\s+in|is|in|[<>=!]=?")


def conditions(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        return [node.test]
    return node.ifs if isinstance(node, ast.comprehension) else []


def negate_condition(source: Source, node: ast.AST) -> Iterator[Edit]:
    for test in conditions(node):
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            text = f"({source.text(test.operand)})"
        elif isinstance(test, ast.Constant):
            continue
        else:
            text = f"not ({source.text(test)})"
        yield replace("negate", "coarse", source.span(test), text)


def negate_comparison(source: Source, node: ast.AST) -> Iterator[Edit]:
    if not isinstance(node, ast.Compare) or len(node.ops) > 1 or node in conditions(source.parents[node]):
        return
    if opposite := OPPOSITE.get(type(node.ops[0])):
        yield replace("negate", "coarse", operator_span(source, node), opposite)


def operator_span(source: Source, node: ast.Compare) -> Span:
    """Return the byte range of the operator in a comparison of two operands."""
    gap = Span(source.span(node.left).end, source.span(node.comparators[0]).start)
    match = COMPARISON.search(source.between(gap))
    assert match
    return Span(gap.start + match.start(), gap.start + match.end())


def swap_and_or(source: Source, node: ast.AST) -> Iterator[Edit]:
    if not isinstance(node, ast.BoolOp):
        return
    old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    spans = []
    for left, right in pairwise(node.values):
        gap = Span(source.span(left).end, source.span(right).start)
        start = gap.start + source.between(gap).rindex(old)
        spans.append((Span(start, start + len(old)), new))
    yield Edit("and/or", "coarse", tuple(spans))


def return_none(source: Source, node: ast.AST) -> Iterator[Edit]:
    """Replace a return value by None, unless it is falsy.

    Few callers distinguish None from other falsy values.
    """
    if isinstance(node, ast.Return) and node.value and not is_falsy(node.value):
        yield replace("return None", "coarse", source.span(node), "return None")


def is_falsy(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not node.value
    return (isinstance(node, ast.List | ast.Tuple) and not node.elts) or (isinstance(node, ast.Dict) and not node.keys)


def drop_statement(source: Source, node: ast.AST) -> Iterator[Edit]:
    """Replace a statement by `pass`, unless it assigns a name whose next use would raise NameError."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        dropped = node.value is not None and not any(isinstance(name, ast.Name | ast.Tuple) for name in targets)
    else:
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        dropped = called or isinstance(node, ast.Raise | ast.AugAssign | ast.Delete | ast.Break | ast.Continue)
    if dropped and isinstance(node, ast.stmt):
        yield replace("drop statement", "coarse", source.span(node), "pass")


OPERATORS = (negate_condition, negate_comparison, swap_and_or, return_none, drop_statement)
