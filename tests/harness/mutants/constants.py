"""Mutation operators on constants: numbers, flags, HTTP statuses, and strings that are not prose."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.harness.mutants.mutation import replace
from tests.harness.mutants.source import name_of
from tests.harness.mutants.subtle import PROSE, is_neutral

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.mutants.mutation import Edit
    from tests.harness.mutants.source import Source

PLACEHOLDER = re.compile(r"(?<!\{)\{[^{}\"']+\}")
MIN_PROSE_WORDS = 3  # a string of so many words is prose, unless it is SQL
SQL = frozenset({"text", "execute", "exec_driver_sql", "DDL", "CheckConstraint"})
STATUSES = {
    "OK": "ACCEPTED",
    "CREATED": "OK",
    "ACCEPTED": "OK",
    "NO_CONTENT": "OK",
    "BAD_REQUEST": "CONFLICT",
    "NOT_FOUND": "GONE",
    "UNAUTHORIZED": "FORBIDDEN",
    "FORBIDDEN": "UNAUTHORIZED",
    "SERVICE_UNAVAILABLE": "INTERNAL_SERVER_ERROR",
    "INTERNAL_SERVER_ERROR": "BAD_GATEWAY",
}


def change_number(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        for step in (1, -1):
            yield replace("constant", "subtle", source.span(node), f"{node.value + step}")


def flip_boolean(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        keyword, call = list(source.ancestors(node))[:2]
        if not (isinstance(keyword, ast.keyword) and isinstance(call, ast.Call) and is_neutral(call, keyword)):
            yield replace("constant", "subtle", source.span(node), str(not node.value))


def change_string(source: Source, node: ast.AST) -> Iterator[Edit]:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str | bytes) or is_prose(source, node):
        return
    if isinstance(node.value, str):
        yield replace("string", "subtle", source.span(node), repr(f"{node.value}x"))
    else:
        yield replace("string", "subtle", source.span(node), repr(node.value + b"x"))


def drop_placeholder(source: Source, node: ast.AST) -> Iterator[Edit]:
    """Drop a replacement field from an f-string that is not prose, such as a cache key."""
    if not isinstance(node, ast.JoinedStr) or is_prose(source, node):
        return
    text = source.text(node)
    for match in PLACEHOLDER.finditer(text):
        yield replace("string", "subtle", source.span(node), text[: match.start()] + text[match.end() :])


def is_prose(source: Source, node: ast.expr) -> bool:
    """Return whether a string is prose, whose mutants would only change wording."""
    for parent in source.ancestors(node):
        if isinstance(parent, ast.keyword) and parent.arg in PROSE:
            return True
        if isinstance(parent, ast.Call) and name_of(parent.func) in SQL:
            return False
        if isinstance(parent, ast.Raise):
            return True
        if isinstance(parent, ast.stmt):
            break
    return len(source.text(node).split()) >= MIN_PROSE_WORDS


def change_status(source: Source, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Attribute) and name_of(node.value) == "HTTPStatus":
        other = STATUSES.get(node.attr, "BAD_REQUEST")
        yield replace("status", "subtle", source.span(node), f"{source.text(node.value)}.{other}")


OPERATORS = (change_number, flip_boolean, change_string, drop_placeholder, change_status)
