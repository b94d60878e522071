"""Expressions as documents: where a line may end in a call, a chain, an operation, a comprehension and so on.

The places are ruff's (crates/ruff_python_formatter, MIT licence), which follows Black's style.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .brackets import (
    ALWAYS,
    BINARY,
    BROKEN,
    CHAINED,
    COMPREHENSIONS,
    HELPED,
    NEVER,
    Code,
    Survey,
    base,
    operands,
    rank,
    span,
)
from .documents import (
    ENCLOSED,
    HARD,
    OPEN,
    SOFT,
    SPACE,
    Choice,
    Group,
    Helped,
    Indent,
    Mark,
    enclosed,
    line,
    listed,
    parenthesized,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from .documents import Doc

    Chained: TypeAlias = ast.Attribute | ast.Call | ast.Subscript
    Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

BREAKABLE = re.compile(r"[ (\[{]")


class Phrase(Code):
    """Code, with the documents of its expressions.

    The `level` of an expression is the mark of the optional parentheses around it: `ENCLOSED` if brackets stand there
    in any case, and `OPEN` if none can.
    """

    def expression(self, node: ast.AST, level: Mark) -> Doc:
        """Lay out an expression, in parentheses if it stands in some."""
        if self.is_parenthesized(node):
            return enclosed("(", self.bare(node, ENCLOSED), ")", level)
        return self.bare(node, level)

    def bare(self, node: ast.AST, level: Mark) -> Doc:
        """Lay out an expression without the parentheses in which it stands."""
        text = self.text(*span(node))
        form = FORMS.get(type(node))
        return form(self, node, level) if form and BREAKABLE.search(text) else text

    def filled(self, place: tuple[int, int], docs: Iterable[tuple[ast.expr, Doc]]) -> list[Doc]:
        """Put documents in the places of their nodes; what stands between stays as it is."""
        at, end = place
        parts: list[Doc] = []
        for node, doc in docs:
            start, after = self.outer(node)
            parts += (self.text(at, start), doc)
            at = after
        return [*parts, self.text(at, end)]

    def spelled(self, node: ast.AST, level: Mark) -> Doc:
        """Lay out what has no breaks of its own: `*x`, `not x`, `x=y`, `x:y`."""
        return self.filled(span(node), [(part, self.expression(part, level)) for part in operands(node)])

    def optional(self, node: ast.expr, parent: ast.AST, level: Mark = OPEN, *, helping: bool = True) -> Doc:
        """Lay out an expression whose parentheses come and go; what may not be helped by them is broken with them."""
        need = self.need(node, parent)
        if need == ALWAYS:
            return enclosed("(", self.bare(node, ENCLOSED), ")", level)
        if level is not OPEN or need == NEVER:
            return self.bare(node, level)
        if need == BROKEN or not helping:
            return self.broken(node)
        mark = Mark()
        return Helped(self.bare(node, mark), mark)

    def broken(self, node: ast.expr) -> Doc:
        """Lay out an expression, with parentheses unless it can be broken well enough without."""
        mark = Mark()
        return parenthesized(self.bare(node, mark if Survey(self).spares(node) else ENCLOSED), mark)

    def kept(self, node: ast.expr, parent: ast.AST, level: Mark = OPEN) -> Doc:
        """Lay out an expression whose parentheses stay."""
        if self.is_parenthesized(node) or self.need(node, parent) == HELPED:
            return self.expression(node, level)
        return self.optional(node, parent, level)

    def operation(self, node: ast.expr, level: Mark) -> Doc:
        """Lay out operands with the operators between them."""
        return self.text(*span(node)) if self.is_power(node) else self.chain(list(self.flattened(node)), level)

    def flattened(self, node: ast.expr) -> Iterator[Any]:
        """Alternate between operands and the ranks of the operators between them."""
        first, *others = operands(node)
        signs: list[Any] = getattr(node, "ops", [getattr(node, "op", None)] * len(others))
        for sign, operand in zip([None, *signs], [first, *others], strict=True):
            if sign:
                yield rank(sign)
            if not isinstance(operand, BINARY) or self.is_power(operand) or self.is_parenthesized(operand):
                yield operand
            else:
                yield from self.flattened(operand)

    def is_power(self, node: ast.expr) -> bool:
        """Say whether an expression is a power, around whose operator there are no spaces."""
        return isinstance(node, ast.BinOp) and self.between(node.left, node.right) == "**"

    def chain(self, parts: list[Any], level: Mark) -> Doc:
        """Lay out operands of which a line may end before the operators of the highest rank; others stay in a group."""
        if len(parts) == 1:
            return self.expression(parts[0], level)
        highest = max(parts[1::2])
        ends = [at for at in range(1, len(parts), 2) if parts[at] == highest]
        docs: list[Doc] = []
        for start, end in zip([-1, *ends], [*ends, len(parts)], strict=True):
            if docs:
                docs += (line(level), self.between(parts[start - 1], parts[start + 1]).lstrip())
            docs.append(self.chain(parts[start + 1 : end], level))
        return Group(docs, when=level)

    def conditional(self, node: ast.IfExp, level: Mark) -> Doc:
        return Group(self.alternatives(node, level), when=level)

    def alternatives(self, node: ast.IfExp, level: Mark) -> list[Doc]:
        """Lay out `x if y else z`, and what follows that if `z` is of the same kind."""
        body, test = self.expression(node.body, level), self.expression(node.test, level)
        if isinstance(node.orelse, ast.IfExp) and not self.is_parenthesized(node.orelse):
            otherwise: Doc = self.alternatives(node.orelse, level)
        else:
            otherwise = Group(self.expression(node.orelse, level), when=level)
        return [body, line(level), "if ", test, line(level), "else ", otherwise]

    def link(self, node: Chained, level: Mark) -> Doc:
        """Lay out a call, a subscript or an attribute."""
        if level is not OPEN and self.is_fluent(node):
            return Group(self.links(node, level, [SOFT]))
        return self.links(node, level, [])

    def links(self, node: Chained, level: Mark, breaks: list[Doc]) -> list[Doc]:
        """Lay out a chain, with `breaks` before each dot that follows a call."""
        inner = base(node)
        if isinstance(inner, CHAINED) and not self.is_parenthesized(inner):
            docs = self.links(inner, level, breaks)
        else:
            docs = [self.expression(inner, level)]
        if isinstance(node, ast.Call):
            return [*docs, self.arguments([*node.args, *node.keywords], level)]
        if isinstance(node, ast.Subscript):
            return [*docs, enclosed("[", self.index(node.slice), "]", level)]
        follows_call = isinstance(inner, (ast.Call, ast.Subscript)) or self.is_parenthesized(inner)
        return [*docs, *(breaks if follows_call else []), f".{node.attr}"]

    def arguments(self, given: list[Any], level: Mark) -> Doc:
        """Lay out a call's arguments, which get a line of their own together, or each one."""
        if not given:
            return "()"
        if len(given) == 1 and isinstance(given[0], ast.GeneratorExp) and not self.has_parentheses(given[0]):
            return enclosed("(", self.generated(given[0]), ")", level)
        docs = [self.expression(argument, ENCLOSED) for argument in sorted(given, key=span)]
        return enclosed("(", Group(listed(docs)), ")", level)

    def index(self, node: ast.expr) -> Doc:
        """Lay out what stands in the brackets of a subscript."""
        if not isinstance(node, ast.Tuple) or self.has_parentheses(node):
            return self.expression(node, ENCLOSED)
        if len(node.elts) == 1:
            return self.spelled(node, ENCLOSED)
        return Group(listed(self.expression(part, ENCLOSED) for part in node.elts))

    def display(self, node: ast.List | ast.Set | ast.Dict, level: Mark) -> Doc:
        """Lay out a list, a set or a dictionary."""
        if isinstance(node, ast.Dict):
            docs = [self.pair(key, value) for key, value in zip(node.keys, node.values, strict=True)]
        else:
            docs = [self.expression(part, ENCLOSED) for part in node.elts]
        return self.in_brackets(node, listed(docs), level) if docs else self.text(*span(node))

    def in_brackets(self, node: ast.expr, doc: Doc, level: Mark) -> Doc:
        """Put the brackets of a node around `doc`."""
        start, end = span(node)
        return enclosed(self.text(start, start + 1), doc, self.text(end - 1, end), level)

    def pair(self, key: ast.expr | None, value: ast.expr) -> Doc:
        before: list[Doc] = [self.expression(key, ENCLOSED), ": "] if key else ["**"]
        return Group([*before, self.expression(value, ENCLOSED)])

    def comprehension(self, node: Comprehension, level: Mark) -> Doc:
        return self.in_brackets(node, self.generated(node), level)

    def generated(self, node: Comprehension) -> Doc:
        """Lay out what stands in the brackets of a comprehension."""
        docs: list[Doc]
        if isinstance(node, ast.DictComp):
            docs = [Group(self.expression(node.key, ENCLOSED)), ": ", self.expression(node.value, ENCLOSED)]
        else:
            docs = [Group(self.expression(node.elt, ENCLOSED))]
        for each in node.generators:
            is_tuple = isinstance(each.target, ast.Tuple)
            target = self.text(*span(each.target)) if is_tuple else self.expression(each.target, ENCLOSED)
            docs += (SPACE, "async for " if each.is_async else "for ", target, " in ")
            docs.append(self.expression(each.iter, ENCLOSED))
            for condition in each.ifs:
                docs += (SPACE, "if ", self.expression(condition, ENCLOSED))
        return Group(docs)

    def tuple(self, node: ast.Tuple, level: Mark) -> Doc:
        """Lay out a tuple, which gets parentheses where it is broken."""
        docs = [self.expression(part, ENCLOSED) for part in node.elts]
        if len(docs) > 1 and not self.has_parentheses(node):
            return parenthesized(listed(docs), Mark())
        return enclosed("(", listed(docs) if len(docs) > 1 else [*docs, ","], ")", level) if docs else "()"

    def walrus(self, node: ast.NamedExpr, level: Mark) -> Doc:
        target, value = self.expression(node.target, level), self.expression(node.value, level)
        return [Group([target, line(level)]), ":= ", value]

    def awaited(self, node: ast.Await, level: Mark) -> Doc:
        return ["await ", self.optional(node.value, node, level)]

    def yielded(self, node: ast.Yield | ast.YieldFrom, level: Mark) -> Doc:
        return self.filled(span(node), [(value, self.kept(value, node, level)) for value in operands(node)])

    def function(self, node: ast.Lambda, level: Mark) -> Doc:
        return [self.text(span(node)[0], self.outer(node.body)[0]), self.body(node, level)]

    def body(self, node: ast.Lambda, level: Mark) -> Doc:
        """Lay out what a lambda returns, in parentheses where it does not fit."""
        body, need = node.body, self.need(node.body, node)
        if need == ALWAYS:
            return enclosed("(", self.bare(body, ENCLOSED), ")", level)
        if need != BROKEN and isinstance(body, (ast.Call, ast.Subscript)):
            doc = self.bare(body, level)
            return Choice([doc, Group(doc, forced=True), ["(", Indent([HARD, doc]), HARD, ")"]])
        if need != BROKEN and self.own_brackets(body) is not None:
            return self.expression(body, level)
        return parenthesized(self.bare(body, ENCLOSED), Mark())


FORMS: dict[type[ast.AST], Callable[[Phrase, Any, Mark], Doc]] = {
    **dict.fromkeys(BINARY, Phrase.operation),
    **dict.fromkeys(CHAINED, Phrase.link),
    **dict.fromkeys((ast.List, ast.Set, ast.Dict), Phrase.display),
    **dict.fromkeys((*COMPREHENSIONS, ast.GeneratorExp), Phrase.comprehension),
    **dict.fromkeys((ast.Yield, ast.YieldFrom), Phrase.yielded),
    **dict.fromkeys((ast.Starred, ast.UnaryOp, ast.Slice, ast.keyword), Phrase.spelled),
    ast.Tuple: Phrase.tuple,
    ast.IfExp: Phrase.conditional,
    ast.Lambda: Phrase.function,
    ast.NamedExpr: Phrase.walrus,
    ast.Await: Phrase.awaited,
}


class Expressions(Extension):
    """Lets Copier load this module, which its neighbours import."""
