"""Mutants of a module, each of which applies one edit of a mutation operator."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from functools import cached_property
from typing import Literal

from tests.harness.mutants.source import Source, Span

Kind = Literal["coarse", "subtle"]


@dataclass(frozen=True)
class Edit:
    """A mutation operator's change of a module, as texts that replace byte ranges."""

    operator: str
    kind: Kind
    replacements: tuple[tuple[Span, str], ...]

    def apply(self, content: bytes) -> bytes:
        for span, text in sorted(self.replacements, key=lambda each: -each[0].start):
            content = content[: span.start] + text.encode() + content[span.end :]
        return content


Operator = Callable[[Source, ast.AST], Iterator[Edit]]


def replace(operator: str, kind: Kind, span: Span, text: str) -> Edit:
    return Edit(operator, kind, ((span, text),))


@dataclass(frozen=True)
class Mutant:
    """One edit of one file, and the syntax node that it changes.

    The coverage of `lines` shows which tests reach the edit.
    """

    path: str
    source: Source
    node: ast.AST
    edit: Edit

    @property
    def operator(self) -> str:
        return self.edit.operator

    @property
    def kind(self) -> Kind:
        return self.edit.kind

    @cached_property
    def line(self) -> int:
        return self.source.line(self.edit.replacements[0][0].start)

    @cached_property
    def lines(self) -> tuple[int, int]:
        first, last = self.source.lines(self.node)
        return min(first, self.line), max(last, self.line)

    @property
    def runs_once(self) -> bool:
        """Return whether the code runs once, at import or in a cached function.

        Coverage then shows only one test.
        """
        return self.source.runs_at_import(self.node) or self.source.is_cached(self.node)

    @property
    def text(self) -> str:
        """The source line at which the edit starts, without indentation."""
        return self.source.texts[self.line - 1].strip()

    @cached_property
    def location(self) -> tuple[str, str, str]:
        """Return the path, the enclosing scope and the text of the edited line.

        They do not depend on line numbers.
        """
        return self.path, self.source.scope(self.node), self.text

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Pairs of the replaced code, with whitespace collapsed, and the new code."""
        return [(" ".join(self.source.between(span).split()), text) for span, text in self.edit.replacements]

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Return a key that identifies the mutant independently of the rest of its file."""
        return *self.location, self.operator, *self.changes

    @cached_property
    def mutated(self) -> bytes:
        return self.edit.apply(self.source.content)

    @cached_property
    def is_valid(self) -> bool:
        """Return whether the mutated module is valid Python with a different syntax tree."""
        try:
            tree = ast.parse(self.mutated)
            compile(self.mutated, "", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return ast.dump(tree) != ast.dump(self.source.tree)

    @cached_property
    def diff(self) -> str:
        """The changed lines as a diff without context lines."""
        original, mutated = self.source.content.decode().splitlines(), self.mutated.decode().splitlines()
        lines = list(unified_diff(original, mutated, lineterm="", n=0))[2:]
        return "\n".join(line for line in lines if not line.startswith("@@"))

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.operator}"
