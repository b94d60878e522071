"""Statements: each of those that are too long for a line is made a document, and printed on several.

The lines are those of ruff (crates/ruff_python_formatter, MIT licence), which follows Black's style.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .brackets import (
    BINARY,
    CHAINED,
    HELPED,
    OR,
    SHIFT,
    SIMPLE,
    SUM,
    XOR,
    Survey,
    operands,
    parameters,
    rank,
    scanned,
    span,
)
from .documents import (
    ENCLOSED,
    OPEN,
    SOFT,
    WIDTH,
    Apart,
    Choice,
    Either,
    Group,
    Helped,
    Indent,
    Mark,
    Printer,
    listed,
    parenthesized,
    width,
)
from .expressions import Phrase

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from .documents import Doc

    Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

BALANCED = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"  # three levels are enough
NEEDLESS = re.compile(rf"((?<![=!<>])[=:]|->|\b(return|assert|if|elif|while|in|await|except|del|with)) {BALANCED}:?$")
ENDING = re.compile(r":(?: \.\.\.)?$")
COMPOUND = re.compile(r"(async|def|class|if|elif|except|for|while|with)\b")


def is_word(node: ast.expr) -> bool:
    """Say whether an expression is a name or a literal, other than the ellipsis."""
    return isinstance(node, SIMPLE) and not (isinstance(node, ast.Constant) and node.value is ...)


class Statement(Phrase):
    """A simple statement, or what stands before the colon of another, with the comment after it."""

    def __init__(self, source: bytes, brackets: dict[int, int], comment: str) -> None:
        super().__init__(source, brackets)
        self.comment = comment

    def statement(self, node: ast.AST) -> Doc:
        """Lay out a simple statement, or what stands before the colon of another."""
        form = HEADS.get(type(node))
        if form:
            return form(self, node)
        docs = [(part, self.operand(part, node)) for part in operands(node)]
        return self.filled((0, len(self.source)), docs)

    def operand(self, node: ast.expr, parent: ast.AST) -> Doc:
        """Lay out an expression that belongs to a statement."""
        if isinstance(parent, ast.Expr) and not (
            isinstance(node, ast.BinOp) and rank(node.op) in (SUM, SHIFT, XOR, OR)
        ):
            return self.expression(node, OPEN)
        if isinstance(parent, (ast.Expr, ast.Raise)):
            return self.kept(node, parent)
        if isinstance(parent, ast.Return):
            return self.returned(node, parent)
        if isinstance(node, ast.Tuple) and isinstance(parent, (ast.For, ast.AsyncFor)) and node is parent.target:
            return self.loose(node)
        return self.optional(node, parent, helping=node is not getattr(parent, "msg", None))

    def loose(self, node: ast.Tuple) -> Doc:
        """Lay out a tuple in which brackets are broken rather than that it gets parentheses."""
        mark = Mark()
        return parenthesized(listed(self.expression(part, mark) for part in node.elts), mark)

    def returned(self, node: ast.expr, parent: ast.AST) -> Doc:
        if isinstance(node, ast.Tuple):
            is_pair = len(node.elts) == len("ab") and not self.has_parentheses(node)
            return self.loose(node) if is_pair else self.bare(node, OPEN)
        return self.value(node, parent)

    def value(self, node: ast.expr, parent: ast.AST) -> Doc:
        """Lay out what is assigned or returned."""
        if isinstance(node, ast.Lambda):
            head = self.text(span(node)[0], self.outer(node.body)[0])
            return parenthesized([head, Apart(self.body(node, ENCLOSED), OPEN)], Mark())
        if self.comment and is_word(node):
            mark, comment = Mark(), self.taken_comment()
            return [Helped([self.bare(node, mark), Either(comment, "")], mark), Either("", comment, mark)]
        return self.optional(node, parent)

    def taken_comment(self) -> str:
        """Take the comment from the end of the line, to be laid out with what it follows."""
        comment, self.comment = self.comment, ""
        return comment

    def assignment(self, node: ast.Assign | ast.AugAssign) -> Doc:
        """Lay out an assignment to one target or more, of which only the last is ever broken."""
        *targets, value = operands(node)
        docs: list[Doc] = []
        for target, following in zip(targets, [*targets[1:], value], strict=True):
            sign = self.between(target, following)
            is_breakable = docs or isinstance(target, ast.Tuple) or self.own_brackets(target) is not None
            if following is value and is_breakable:
                return [*docs, self.from_the_right(target, sign, value, node)]
            docs += (self.expression(target, OPEN), sign)
        return [*docs, self.value(value, node)]

    def annotated(self, node: ast.AnnAssign) -> Doc:
        target: Doc = [self.expression(node.target, OPEN), ": "]
        if not node.value:
            return [target, self.value(node.annotation, node)]
        if self.is_splittable(node.annotation):
            return [target, self.from_the_right(node.annotation, " = ", node.value, node)]
        return [target, self.bare(node.annotation, OPEN), " = ", self.value(node.value, node)]

    def from_the_right(self, target: ast.expr, sign: str, node: ast.expr, parent: ast.stmt) -> Doc:
        """Lay out an assignment whose right side is broken rather than its left, which could be, too."""
        left = self.left(target)
        is_chain = isinstance(node, CHAINED) and self.need(node, parent) == HELPED
        if not is_chain and not is_word(node):
            return [left, sign, self.value(node, parent)]
        value: Doc = [self.bare(node, OPEN), "" if is_chain else self.taken_comment()]
        variants: list[Doc] = [[left, sign, value]]
        if is_chain:
            variants.append([left, sign, Group(value, forced=True)])
        variants.append([left, sign, "(", Group([Indent([SOFT, value]), SOFT], forced=True), ")"])
        return Choice([*variants, [Group(left, forced=True), sign, value]])

    def left(self, node: ast.expr) -> Doc:
        """Lay out what stands before the sign of an assignment."""
        last = node
        while isinstance(last, ast.Attribute) and self.any_brackets(last.value) is None:
            last = last.value
        has_brackets = isinstance(last, (ast.Attribute, ast.Tuple)) or self.own_brackets(last) is not None
        return self.bare(node, OPEN) if has_brackets else self.broken(node)

    def is_splittable(self, node: ast.expr) -> bool:
        """Say whether a line can end within an expression."""
        if isinstance(node, (*BINARY, ast.IfExp, ast.Await, ast.Tuple)):
            return True
        if isinstance(node, (ast.UnaryOp, ast.Lambda, ast.Starred, ast.Attribute)):
            inner = operands(node)[-1]
            return self.is_parenthesized(inner) or self.is_splittable(inner)
        return bool(self.own_brackets(node))

    def decorator(self, node: ast.AST) -> Doc:
        return ["@", *(self.kept(part, node) for part in operands(node))]

    def deletion(self, node: ast.Delete) -> Doc:
        if len(node.targets) == 1:
            return ["del ", self.optional(node.targets[0], node)]
        return ["del ", parenthesized(listed(self.expression(part, ENCLOSED) for part in node.targets), Mark())]

    def import_from(self, node: ast.ImportFrom) -> Doc:
        names = [f"{name.name} as {name.asname}" if name.asname else name.name for name in node.names]
        before = f"from {'.' * node.level}{node.module or ''} import "
        return [before, parenthesized(listed(names, fewest=1), Mark())]

    def class_head(self, node: ast.ClassDef) -> Doc:
        return [f"class {node.name}", self.arguments([*node.bases, *node.keywords], OPEN)]

    def function_head(self, node: Function) -> Doc:
        """Lay out a function's signature."""
        before = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
        docs = [self.parameter(*each) for each in parameters(node.args)]
        returns: Doc = ""
        if node.returns:
            returns = [" -> ", self.optional(node.returns, node)]
        if not docs:
            return [before, node.name, Group(["()", returns])]
        is_alone = len(docs) == 1 and not node.args.posonlyargs
        given: Doc = listed(docs, fewest=1) if is_alone else Group(listed(docs))
        return [before, node.name, Group(["(", Indent([SOFT, given]), SOFT, ")", returns])]

    def parameter(self, before: str, name: ast.arg | None, default: ast.expr | None) -> Doc:
        if not name:
            return before
        start, end = span(name)
        docs = [(part, self.expression(part, ENCLOSED)) for part in (name.annotation, default) if part]
        return [before, *self.filled((start, self.outer(default)[1] if default else end), docs)]

    def with_head(self, node: ast.With | ast.AsyncWith) -> Doc:
        """Lay out what a `with` manages: one at a line, if they do not fit."""
        before = "async with " if isinstance(node, ast.AsyncWith) else "with "
        first, mark, level = node.items[0], Mark(), ENCLOSED
        if len(node.items) == 1:
            if first.optional_vars is None or self.is_parenthesized(first.context_expr):
                return [before, self.optional(first.context_expr, first), *self.alias(first, OPEN)]
            level = mark if Survey(self).spares(first.context_expr) else ENCLOSED
        return [before, parenthesized(listed(self.managed(item, level) for item in node.items), mark)]

    def managed(self, item: ast.withitem, level: Mark) -> Doc:
        doc = self.bare(item.context_expr, level)
        is_parenthesized = self.is_parenthesized(item.context_expr)
        return [parenthesized(doc, Mark()) if is_parenthesized else doc, *self.alias(item, level)]

    def alias(self, item: ast.withitem, level: Mark) -> list[Doc]:
        return [" as ", self.expression(item.optional_vars, level)] if item.optional_vars else []


HEADS: dict[type[ast.AST], Callable[[Statement, Any], Doc]] = {
    **dict.fromkeys((ast.Assign, ast.AugAssign), Statement.assignment),
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef), Statement.function_head),
    **dict.fromkeys((ast.With, ast.AsyncWith), Statement.with_head),
    ast.AnnAssign: Statement.annotated,
    ast.Delete: Statement.deletion,
    ast.ImportFrom: Statement.import_from,
    ast.ClassDef: Statement.class_head,
}


def parsed(code: str) -> ast.AST | None:
    """Parse a simple statement, or what stands on the first line of another; None if it is neither."""
    before = "try: pass\n" if code.startswith(("except ", "except*")) else ""
    after = "\n pass" if COMPOUND.match(code) and code.endswith(":") else ""
    if COMPOUND.match(code) and not ENDING.search(code):
        return None
    try:
        (node,) = ast.parse(f"{before}{re.sub('^elif', 'if  ', code)}{after}").body
    except (SyntaxError, ValueError):
        return None
    return None if getattr(node, "type_params", None) else getattr(node, "handlers", [node])[0]


def laid_out(text: str) -> str:
    """Split a line that is too long, or take away parentheses that it does not need."""
    if "\n" in text or (len(text) <= WIDTH and width(text) <= WIDTH and not NEEDLESS.search(text)):
        return text
    indent = len(text) - len(text.lstrip())
    is_decorator = text.startswith("@", indent)
    source = text[indent + is_decorator :].encode()
    brackets, end = scanned(source)
    code, comment = source[:end].decode().rstrip(), source[end:].decode()
    node = parsed(code)
    if not node:
        return text
    colon = "".join(ENDING.findall(code)) if COMPOUND.match(code) else ""
    statement = Statement(code.removesuffix(colon).encode(), brackets, f"  {comment}" if comment else "")
    doc = statement.decorator(node) if is_decorator else statement.statement(node)
    return " " * indent + Printer(indent).print([doc, colon, statement.comment])


class Statements(Extension):
    """Lets Copier load this module, which its neighbours import."""
