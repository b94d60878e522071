"""A mutation: one edit of a module, and what the operators yield."""

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
    """Texts that replace ranges of a module."""

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
    """An edit of one file of a service, and the lines by which coverage shows which tests reach it."""

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
        """Say whether it runs when its module is imported, or is remembered: coverage shows one test at the most."""
        return self.source.runs_at_import(self.node) or self.source.is_cached(self.node)

    @property
    def text(self) -> str:
        """The line that changes, or the first of several."""
        return self.source.texts[self.line - 1].strip()

    @cached_property
    def place(self) -> tuple[str, str, str]:
        """Identify the line, wherever it stands in its file."""
        return self.path, self.source.scope(self.node), self.text

    @property
    def changes(self) -> list[tuple[str, str]]:
        """What is replaced by what, each on one line."""
        return [(" ".join(self.source.between(span).split()), text) for span, text in self.edit.replacements]

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Identify the mutant, whatever else its file holds."""
        return *self.place, self.operator, *self.changes

    @cached_property
    def after(self) -> bytes:
        return self.edit.apply(self.source.content)

    @cached_property
    def is_valid(self) -> bool:
        """Say whether the edit leaves Python, and another program than before."""
        try:
            tree = ast.parse(self.after)
            compile(self.after, "", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return ast.dump(tree) != ast.dump(self.source.tree)

    @cached_property
    def diff(self) -> str:
        """The lines that change, as in a diff."""
        before, after = self.source.content.decode().splitlines(), self.after.decode().splitlines()
        lines = list(unified_diff(before, after, lineterm="", n=0))[2:]
        return "\n".join(line for line in lines if not line.startswith("@@"))

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.operator}"
