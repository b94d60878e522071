"""Brackets: where they stand in a statement, and which of its expressions want parentheses.

The rules are ruff's (crates/ruff_python_formatter, MIT licence), which follows Black's style: parentheses come where a
line is better broken within them, and go where it is not.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = re.compile(rb"""\"(?:[^"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[\[({]|[])}]|#.*""")
FIELDS = {ast.Call: "func", ast.UnaryOp: "operand"}
# What binds least has the highest rank, and is split first.
ATTRIBUTE, POWER, INVERSION, PRODUCT, SUM, SHIFT, AND, XOR, OR, COMPARISON, CONNECTION, CONDITION = range(1, 13)
RANKS: dict[type[ast.AST], int] = {
    ast.Pow: POWER,
    **dict.fromkeys((ast.Mult, ast.MatMult, ast.Div, ast.FloorDiv, ast.Mod), PRODUCT),
    **dict.fromkeys((ast.Add, ast.Sub), SUM),
    **dict.fromkeys((ast.LShift, ast.RShift), SHIFT),
    ast.BitAnd: AND,
    ast.BitXor: XOR,
    ast.BitOr: OR,
    **dict.fromkeys((ast.And, ast.Or), CONNECTION),
}
BINARY = (ast.BinOp, ast.BoolOp, ast.Compare)
CHAINED = (ast.Attribute, ast.Call, ast.Subscript)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp)
DISPLAYS = (ast.List, ast.Set, ast.Dict, *COMPREHENSIONS)
SIMPLE = (ast.Name, ast.Constant, ast.JoinedStr)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WITH_PREFIX = (ast.UnaryOp, ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom, ast.Starred)

# When an expression wants parentheses that it could do without: `HELPED` where they make it fit.
ALWAYS, NEVER, BROKEN, HELPED = range(4)


def rank(sign: ast.AST) -> int:
    """Rank an operator."""
    return RANKS.get(type(sign), COMPARISON)


def span(node: Any) -> tuple[int, int]:  # noqa: ANN401 - any node that has a place
    """Tell where a node starts and ends, in bytes."""
    return node.col_offset, node.end_col_offset


def operands(node: ast.AST) -> list[ast.expr]:
    """List the expressions that a node is made of, as they stand there."""
    outer = [node.args, node] if isinstance(node, ast.Lambda) else [node]
    found = [part for each in outer for part in ast.iter_child_nodes(each) if isinstance(part, ast.expr)]
    return sorted(found, key=span)


def base(node: Any) -> ast.expr:  # noqa: ANN401 - any node that has one
    """Give the expression that a chain starts with, or that has a prefix."""
    found: ast.expr = getattr(node, FIELDS.get(type(node), "value"))
    return found


def parameters(given: ast.arguments) -> Iterator[tuple[str, ast.arg | None, ast.expr | None]]:
    """List a function's parameters, each with what stands before its name, and its default."""
    positional = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults]
    for number, (name, default) in enumerate(zip(positional, defaults, strict=True), 1):
        yield "", name, default
        if number == len(given.posonlyargs):
            yield "/", None, None
    if given.vararg or given.kwonlyargs:
        yield "*", given.vararg, None
    for name, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield "", name, default
    if given.kwarg:
        yield "**", given.kwarg, None


def scanned(source: bytes) -> tuple[dict[int, int], int]:
    """Find where the brackets of a line start and end, and where its comment starts."""
    brackets: dict[int, int] = {}
    opened: list[int] = []
    for token in TOKEN.finditer(source):
        if token[0] in b"([{":
            opened.append(token.start())
        elif token[0] in b")]}" and opened:
            brackets[opened.pop()] = token.start()
        elif token[0].startswith(b"#"):
            return brackets, token.start()
    return brackets, len(source)


class Code:
    """A statement on one line, and its brackets."""

    def __init__(self, source: bytes, brackets: dict[int, int]) -> None:
        self.source = source
        self.brackets = brackets  # where each starts, and where it ends

    def text(self, start: int, end: int) -> str:
        return self.source[start:end].decode()

    def between(self, left: ast.AST, right: ast.AST) -> str:
        """Read what stands between two nodes."""
        return self.text(self.outer(left)[1], self.outer(right)[0])

    def is_parenthesized(self, node: ast.AST) -> bool:
        """Say whether a node stands in parentheses that belong to nothing else."""
        start, end = span(node)
        return self.brackets.get(start - 1) == end and self.groups(start - 1)

    def groups(self, start: int) -> bool:
        """Say whether the bracket at `start` is a parenthesis, and not a call's."""
        before = self.source[start - 1 : start].decode("latin-1")
        return self.source.startswith(b"(", start) and not re.match(r"""[\w)\]}"']|[^\0-~]""", before)

    def outer(self, node: ast.AST) -> tuple[int, int]:
        """Tell where a node starts and ends with the parentheses that it stands in."""
        start, end = span(node)
        return (start - 1, end + 1) if self.is_parenthesized(node) else (start, end)

    def has_parentheses(self, node: ast.expr) -> bool:
        """Say whether a tuple or a generator has parentheses, and not a call's."""
        start, end = span(node)
        return self.brackets.get(start) == end - 1 and self.groups(start)

    def own_brackets(self, node: ast.expr) -> bool | None:
        """Say whether the brackets with which an expression ends hold anything; None if there are none."""
        if isinstance(node, (*COMPREHENSIONS, ast.Subscript)):
            return True
        if isinstance(node, ast.Call):
            return bool(node.args or node.keywords)
        if isinstance(node, DISPLAYS) or (isinstance(node, ast.Tuple) and self.has_parentheses(node)):
            return len(self.text(*span(node))) > len("()")
        return True if isinstance(node, ast.GeneratorExp) and self.has_parentheses(node) else None

    def any_brackets(self, node: ast.expr) -> bool | None:
        """Say the same, of the parentheses around an expression, too."""
        return True if self.is_parenthesized(node) else self.own_brackets(node)

    def is_fluent(self, node: ast.expr) -> bool:
        """Say whether an expression is a chain of calls, each of which can get a line of its own."""
        calls = 0
        while isinstance(node, CHAINED):
            inner = base(node)
            if isinstance(node, ast.Attribute):
                calls += isinstance(inner, (ast.Call, ast.Subscript)) or self.is_parenthesized(inner)
            if self.is_parenthesized(inner):
                break
            node = inner
        return calls > 1

    def need(self, node: ast.expr, parent: ast.AST) -> int:
        """Say when an expression wants parentheses."""
        if isinstance(parent, ast.Await) and not isinstance(node, (*SIMPLE, *CHAINED, *DISPLAYS, ast.Tuple)):
            return ALWAYS
        if isinstance(node, (*BINARY, ast.IfExp, ast.Lambda)):
            return BROKEN
        if isinstance(node, ast.NamedExpr):
            return BROKEN if isinstance(parent, (ast.If, ast.While, ast.Expr)) else ALWAYS
        if isinstance(node, (*DISPLAYS, ast.Tuple, ast.GeneratorExp)):
            return NEVER
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and not isinstance(parent, ASSIGNMENTS):
            return ALWAYS
        return self.need_of_operand(node, parent)

    def need_of_operand(self, node: ast.expr, parent: ast.AST) -> int:
        """Say when an expression wants parentheses that is like what it starts with, or has after its prefix."""
        if isinstance(node, ast.Starred) or self.is_fluent(node):
            return BROKEN
        if isinstance(node, SIMPLE) or not operands(node):
            return HELPED
        inner = base(node)
        need = NEVER if self.is_parenthesized(inner) else self.need(inner, node)
        if need != HELPED:
            return need
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return NEVER
        if isinstance(node, ast.Subscript) and isinstance(parent, FUNCTIONS) and node is parent.returns:
            return NEVER if any(parameters(parent.args)) else BROKEN
        return HELPED


class Survey:
    """Looks over an expression for what parentheses around it depend on."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.rank = self.count = 0  # the highest rank of an operator, and how many there are
        self.has_brackets = self.has_prefix = False
        self.first: ast.expr | None = None
        self.last: ast.expr | None = None

    def spares(self, node: ast.expr) -> bool:
        """Say whether breaking the brackets in an expression is better than parentheses around it."""
        self.enter(node)
        if not self.has_brackets or self.count > 1:
            return False
        ends = [self.last] if self.has_prefix else [self.last, self.first]
        return self.rank <= ATTRIBUTE or any(
            end and not isinstance(end, ast.Subscript) and self.code.any_brackets(end) for end in ends
        )

    def visit(self, node: ast.expr) -> None:
        """Look at a part of the expression."""
        self.last = node
        if self.code.is_parenthesized(node):
            self.has_brackets = True
        else:
            self.enter(node)
        if not self.has_prefix:
            self.first = self.first or node

    def enter(self, node: ast.expr) -> None:
        """Look at the parts of a part that has no parentheses, or no more."""
        if isinstance(node, CHAINED):
            self.visit(base(node))
            self.has_brackets |= not isinstance(node, ast.Attribute)
            self.last = node
            if isinstance(node, ast.Attribute) and self.code.any_brackets(node.value) is not None:
                self.weigh(ATTRIBUTE, 1)
        elif isinstance(node, (*DISPLAYS, ast.Tuple, ast.GeneratorExp)) and self.code.own_brackets(node) is not None:
            self.has_brackets = True
        elif not isinstance(node, SIMPLE):
            self.has_prefix |= isinstance(node, WITH_PREFIX) and self.first is None
            self.weigh(*self.weight(node))
            for part in operands(node):
                self.visit(part)

    def weight(self, node: ast.expr) -> tuple[int, int]:
        """Tell the rank of an expression's operators, and how many there are."""
        if isinstance(node, (ast.BinOp, ast.BoolOp)):
            return rank(node.op), len(operands(node)) - 1
        if isinstance(node, ast.Compare):
            return COMPARISON, len(node.ops)
        if isinstance(node, ast.IfExp):
            return CONDITION, 2  # `if` and `else`
        return (INVERSION, 1) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert) else (0, 0)

    def weigh(self, rank: int, count: int) -> None:
        """Take operators into account."""
        if rank > self.rank:
            self.rank, self.count = rank, count
        elif rank == self.rank:
            self.count += count


class Brackets(Extension):
    """Lets Copier load this module, which its neighbours import."""
