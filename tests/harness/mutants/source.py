"""A parsed Python module, with the text of each syntax node and the nodes that may be mutated.

Excluded are docstrings, annotations (but for the metadata of `Annotated`, which is behaviour), imports, `assert`,
arguments of log calls, and blocks for type checkers or scripts.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
TYPING_CALLS = frozenset({"TypeVar", "NewType", "ParamSpec", "assert_never", "getLogger", "get_logger"})
CACHES = frozenset({"cache", "lru_cache"})
ANNOTATIONS = frozenset({"annotation", "returns", "type_params"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)
Node = ast.expr | ast.stmt | ast.keyword  # nodes with a position


@dataclass(frozen=True)
class Span:
    """A byte range of a module."""

    start: int
    end: int


class Source:
    """A module and its syntax tree.

    Offsets are in bytes, because `ast` counts columns in bytes.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.texts = content.decode().splitlines()
        self.tree = ast.parse(content)
        self.offsets = [0, *accumulate(len(line) for line in content.splitlines(keepends=True))]
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def offset(self, line: int, column: int) -> int:
        return self.offsets[line - 1] + column

    def span(self, node: Node) -> Span:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return Span(self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset))

    def text(self, node: Node) -> str:
        return self.between(self.span(node))

    def between(self, span: Span) -> str:
        return self.content[span.start : span.end].decode()

    def line(self, offset: int) -> int:
        return self.content.count(b"\n", 0, offset) + 1

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes that may be mutated, in source order."""
        return list(mutable_nodes(self.tree))

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the ancestors of a node, its parent first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def statement(self, node: ast.AST) -> ast.stmt:
        return next(each for each in (node, *self.ancestors(node)) if isinstance(each, ast.stmt))

    def lines(self, node: ast.AST) -> tuple[int, int]:
        """Return the first and last line whose coverage shows that a node was executed."""
        statement = self.statement(node)
        assert statement.end_lineno is not None
        body = getattr(statement, "body", None) or getattr(statement, "cases", None)
        if not body:
            return statement.lineno, statement.end_lineno
        first = body[0].lineno if isinstance(body[0], ast.stmt) else body[0].pattern.lineno
        own = getattr(node, "lineno", statement.lineno)
        return min(statement.lineno, own), max(statement.lineno, own, first - 1)

    def scope(self, node: ast.AST) -> str:
        """Return the qualified name of the function or class around a node."""
        return ".".join(reversed([each.name for each in self.ancestors(node) if isinstance(each, SCOPES)]))

    def runs_at_import(self, node: ast.AST) -> bool:
        """Return whether a node is evaluated when the module is imported, as defaults and decorators are."""
        chain = [node, *self.ancestors(node)]
        for child, parent in pairwise(chain):
            if isinstance(parent, ast.Lambda) or (isinstance(parent, FUNCTIONS) and child in parent.body):
                return False
        return True

    def is_cached(self, node: ast.AST) -> bool:
        """Return whether a node is in a function decorated with `cache` or `lru_cache`."""
        around = [each for each in self.ancestors(node) if isinstance(each, FUNCTIONS)]
        decorators = [decorator for each in around for decorator in each.decorator_list]
        called = [each.func if isinstance(each, ast.Call) else each for each in decorators]
        return not CACHES.isdisjoint(map(name_of, called))


def mutable_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and its descendants, except for those that must not be mutated."""
    if is_skipped(node):
        return
    yield node
    for child in children(node):
        yield from mutable_nodes(child)


def is_skipped(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.Assert():
            return True  # a docstring, `...`, or an assertion that narrows a type
        case ast.If(test=test):
            return is_guard(test)
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.Call(func=function):
            return name_of(function) in TYPING_CALLS
    return False


def children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the child nodes that may be mutated."""
    if isinstance(node, ast.JoinedStr) or is_log_call(node):
        return
    if isinstance(node, ast.Call) and name_of(node.func) == "cast":
        yield from node.args[1:]
    else:
        for field, value in ast.iter_fields(node):
            parts = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST)]
            yield from metadata(parts) if field in ANNOTATIONS else parts


def metadata(annotations: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the metadata expressions of an `Annotated[...]` type."""
    for annotation in annotations:
        for node in ast.walk(annotation):
            if isinstance(node, ast.Subscript) and name_of(node.value) == "Annotated":
                yield from node.slice.elts[1:] if isinstance(node.slice, ast.Tuple) else ()


def name_of(node: ast.AST) -> str:
    """Return the last name of `a.b.c`; empty for other expressions."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_log_call(node: ast.AST) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    if not isinstance(function, ast.Attribute) or function.attr not in LOG_METHODS:
        return False
    return "log" in name_of(function.value).lower()


def is_guard(test: ast.expr) -> bool:
    """Return whether an `if` block runs only for type checkers or as a script."""
    names = {name_of(node) for node in ast.walk(test)}
    return bool(names & {"TYPE_CHECKING", "__name__"})
