"""Subtle mutation operators, whose edits only a test of the edited detail detects."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.harness.mutants.coarse import operator_span
from tests.harness.mutants.mutation import replace
from tests.harness.mutants.source import SCOPES, Span, is_log_call, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.harness.mutants.mutation import Edit
    from tests.harness.mutants.source import Source

BOUNDARIES: dict[type[ast.cmpop], str] = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
CLAUSES = frozenset({"where", "filter", "having", "and_", "or_"})
METHODS = CLAUSES | {"with_for_update", "order_by", "limit", "distinct"}  # of a query; the whole call is dropped
CLEANING = frozenset(
    {"aclose", "cancel", "cleanup", "clear", "close", "discard", "dispose", "remove", "reset", "rollback", "unlink"}
)
PROSE = frozenset({"description", "summary", "title", "examples", "example", "help", "doc", "openapi_examples"})
# Arguments for readers and checkers, without effect at run time, by function.
NEUTRAL = {
    "zip": {"strict"},
    "open": {"encoding"},
    "read_text": {"encoding"},
    "write_text": {"encoding"},
    "dataclass": {"frozen", "slots", "kw_only"},
}


def shift_boundary(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and (new := BOUNDARIES.get(type(node.ops[0]))):
        yield replace("boundary", "subtle", operator_span(source, node), new)


def separated_span(source: Source, parts: Sequence[ast.expr | ast.keyword], index: int) -> Span:
    """Return the byte range of an operand or argument together with the separator beside it."""
    if index:
        return Span(source.span(parts[index - 1]).end, source.span(parts[index]).end)
    return Span(source.span(parts[0]).start, source.span(parts[1]).start)


def drop_term(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.BoolOp):
        for index, _ in enumerate(node.values):
            span = separated_span(source, node.values, index)
            yield replace("drop term", "subtle", span, unbalanced_parentheses(source.between(span)))


def unbalanced_parentheses(dropped: str) -> str:
    """Return the unmatched parentheses of dropped code, which must remain in the module."""
    excess = dropped.count(")") - dropped.count("(")
    return ")" * excess if excess > 0 else "(" * -excess


def drop_clause(source: Source, node: ast.AST) -> Iterator[Edit]:
    """Drop one condition of a query's `where`, or one method call of the query."""
    if not isinstance(node, ast.Call):
        return
    if name_of(node.func) in CLAUSES and len(node.args) > 1:
        for index, _ in enumerate(node.args):
            yield replace("drop filter", "subtle", separated_span(source, node.args, index), "")
    elif isinstance(node.func, ast.Attribute) and node.func.attr in METHODS - {"and_", "or_"}:
        span = Span(source.span(node.func.value).end, source.span(node).end)
        text = source.between(span)
        yield replace("drop filter", "subtle", span, unbalanced_parentheses(text))


def drop_keyword(source: Source, node: ast.AST) -> Iterator[Edit]:
    if not isinstance(node, ast.Call) or is_log_call(node):
        return
    parts: list[ast.expr | ast.keyword] = sorted([*node.args, *node.keywords], key=lambda part: source.span(part).start)
    for index, part in enumerate(parts):
        if (
            isinstance(part, ast.keyword)
            and part.arg
            and part.arg not in PROSE | NEUTRAL.get(name_of(node.func), set())
        ):
            span = source.span(part) if len(parts) == 1 else separated_span(source, parts, index)
            yield replace("drop argument", "subtle", span, "")


def is_neutral(call: ast.Call, keyword: ast.keyword) -> bool:
    """Return whether an argument has no effect that a test could detect."""
    return keyword.arg in PROSE or keyword.arg in NEUTRAL.get(name_of(call.func), ())


def drop_await(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await):
        operator = "drop clean-up" if is_cleanup(source, node) else "drop await"
        yield replace(operator, "subtle", source.span(node), "pass")


def drop_cleanup(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and is_cleanup(source, node):
        yield replace("drop clean-up", "subtle", source.span(node), "pass")


def is_cleanup(source: Source, node: ast.Expr) -> bool:
    """Return whether a statement cleans up, judging by the called method or the enclosing block."""
    value = node.value.value if isinstance(node.value, ast.Await) else node.value
    if is_log_call(value):
        return False
    if isinstance(value, ast.Call) and name_of(value.func) in CLEANING:
        return True
    chain = [node, *source.ancestors(node)]
    for child, parent in pairwise(chain):
        if isinstance(parent, SCOPES):
            return False
        if isinstance(parent, ast.ExceptHandler) or (isinstance(parent, ast.Try) and child in parent.finalbody):
            return True
    return False


OPERATORS = (shift_boundary, drop_term, drop_clause, drop_keyword, drop_await, drop_cleanup)
