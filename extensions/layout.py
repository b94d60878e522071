"""The layout: the filter `module`, by which emitted Python lies as ruff would have it.

A template prints every import and every statement on one line, however long, and need not know which names a service
uses. What comes out is what `ruff check --select I,F401 --fix` and `ruff format` leave alone: imports that are used,
merged and sorted (`imports.py`); long lines split (`statements.py`); and blank lines where Black's style has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jinja2.ext import Extension

from .imports import with_sorted_imports
from .statements import laid_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment

DEFINITION = re.compile(r"(async def|def|class)\b|@")
CLAUSE = re.compile(r"(else|elif|except|finally)\b|case .*:")
IMPORTING = ("import ", "from ")
TRIPLE = re.compile(r"""#.*|("{3}|'{3})(?:\\.|[^\\])*?(\1|$)|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")


def logical_lines(source: str) -> list[str]:
    """Split a module into lines; what a string spreads over several stays together."""
    lines: list[str] = []
    awaited = ""  # what ends the string that a line leaves open
    for line in source.split("\n"):
        if awaited:
            lines[-1] += f"\n{line}"
            awaited = "" if awaited in line else awaited
        else:
            lines.append(line.rstrip())
            awaited = left_open(line) if '"""' in line or "'''" in line else ""
    return lines


def left_open(line: str) -> str:
    """Give the quotes of the string that a line leaves open; nothing if it leaves none."""
    for token in TRIPLE.finditer(line):
        if token[1] and not token[2]:
            return token[1]
    return ""


class Spacing:
    """Puts blank lines between the lines of a module: as many as there were, within bounds."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.kinds: dict[int, str] = {}  # of the statement that came last, by its indentation
        self.previous = ""
        self.before = 0  # the indentation of the previous line

    def spaced(self) -> Iterator[str]:
        """Give every line, blank ones included."""
        blank = 0
        for number, line in enumerate(self.lines):
            if not line:
                blank += 1
                continue
            text = line.lstrip()
            indent = len(line) - len(text)
            if self.previous:
                yield from [""] * self.wanted(number, text, indent, blank)
            yield line
            self.remember(text, indent)
            blank = 0

    def wanted(self, number: int, text: str, indent: int, blank: int) -> int:
        """Say how many blank lines stand before a line."""
        is_comment = text[0] == "#"
        starts = self.starts_definition(number, indent)
        if indent > self.before and self.previous[0] != "#":  # the first of a block
            return int(starts and not is_comment and not DEFINITION.match(self.previous))
        if self.previous[0] == "@" and not is_comment:
            return 0
        least, most = self.bounds(text, indent, starts=starts, is_apart=blank > 0)
        return min(max(least, blank), most)

    def bounds(self, text: str, indent: int, *, starts: bool, is_apart: bool) -> tuple[int, int]:
        """Say how many blank lines stand before a line at least and at most."""
        most = 1 if indent else 2
        last = self.kinds.get(indent)
        if CLAUSE.match(text):
            return 0, most
        if self.previous[0] == "#" and indent == self.before and not (starts and is_apart):
            return 0, 1 if last == "docstring" else most
        if starts or any(kind in ("class", "function") for at, kind in self.kinds.items() if at >= indent):
            return most, most
        if last == "docstring":
            return 1, 1
        return int(last == "import" and not text.startswith(IMPORTING)), most

    def starts_definition(self, number: int, indent: int) -> bool:
        """Say whether a function or a class starts on a line, or right below the comments that start there."""
        below = next((line for line in self.lines[number:] if not line.lstrip().startswith("#")), "")
        text = below.lstrip()
        return len(below) - len(text) == indent and bool(DEFINITION.match(text))

    def remember(self, text: str, indent: int) -> None:
        """Note what kind of statement a line is."""
        self.previous, self.before = text, indent
        if text[0] == "#":
            return
        is_first = indent not in self.kinds
        self.kinds = {at: kind for at, kind in self.kinds.items() if at < indent}
        parent = list(self.kinds.values())[-1:]
        self.kinds[indent] = kind_of(text, may_be_docstring=is_first and parent in ([], ["class"]))


def kind_of(text: str, *, may_be_docstring: bool) -> str:
    """Say what kind of statement a line is."""
    if DEFINITION.match(text):
        return "class" if text.startswith("class") else "function"
    if may_be_docstring and text.startswith(('"', "'", 'r"')):
        return "docstring"
    return "import" if text.startswith(IMPORTING) else "other"


def module(source: str) -> str:
    """Lay out a Python module, of which every import and every statement stands on one line."""
    lines = with_sorted_imports(logical_lines(source))
    text = "\n".join(map(laid_out, Spacing(lines).spaced()))
    return f"{text}\n" if text else ""


class Layout(Extension):
    """Gives Copier's templates the layout of Python modules."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters |= {"module": module}
