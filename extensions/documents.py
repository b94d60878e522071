"""Documents: what can be broken into lines, and the printer that breaks it where it does not fit.

A document is a text, a list of documents, or a part that depends on what stands around it: a possible end of a line, a
group, an indentation. It is the design of Wadler's "A prettier printer", as Prettier and ruff have made it their own;
where a choice looks arbitrary, it is ruff's (crates/ruff_formatter, MIT licence).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2.ext import Extension

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Doc: TypeAlias = "str | Part | list[Doc]"
    Frame: TypeAlias = tuple[Doc, bool, int, int]  # a document, whether it is flat, its indentation, and its reach

WIDTH = 100

# How far one looks whether something fits: to the end of its line, or of all its lines, or of all lines but for texts.
LINE, LINES, BREAKS = range(3)


@dataclass(eq=False)
class Mark:
    """Whether the group that bears it is broken: others depend on that."""

    broken: bool = False


@dataclass(eq=False)
class Part:
    """What is laid out in more than one way, by what stands around it."""

    def measured(self, frame: Frame) -> Frame:
        """Say what counts in its place when it is measured."""
        raise NotImplementedError

    def printed(self, frame: Frame, printer: Printer) -> Frame:  # noqa: ARG002 - most look alike
        """Say what is printed in its place."""
        return self.measured(frame)


@dataclass(eq=False)
class Break(Part):
    """Where a line ends if the group around it is broken, or in any case; `flat` stands there otherwise."""

    flat: str
    always: bool = False


@dataclass(eq=False)
class Group(Part):
    """What stands on one line if it fits there. With `when`, it is a group only if that one is broken."""

    doc: Doc
    mark: Mark | None = None
    forced: bool = False
    when: Mark | None = None

    def measured(self, frame: Frame) -> Frame:
        flat = frame[1] and not self.forced
        if self.mark:
            self.mark.broken = not flat
        return self.doc, flat, *frame[2:]

    def printed(self, frame: Frame, printer: Printer) -> Frame:
        flat = frame[1]
        if self.when is None or self.when.broken:
            flat = not self.forced and printer.stays_flat(self.doc, frame, self.mark)
        if self.mark:
            self.mark.broken = not flat
        return self.doc, flat, *frame[2:]


@dataclass(eq=False)
class Indent(Part):
    """What stands one level deeper; with `when`, only if that group is broken."""

    doc: Doc
    when: Mark | None = None

    def measured(self, frame: Frame) -> Frame:
        _, flat, indent, reach = frame
        deeper = indent + 4 if self.when is None or self.when.broken else indent
        return self.doc, flat, deeper, reach


@dataclass(eq=False)
class Either(Part):
    """One thing where a group is broken, and another where it is not: the mark's, or the one around."""

    broken: Doc
    flat: Doc
    mark: Mark | None = None

    def measured(self, frame: Frame) -> Frame:
        broken = self.mark.broken if self.mark else not frame[1]
        return self.broken if broken else self.flat, *frame[1:]


@dataclass(eq=False)
class Apart(Part):
    """What may be broken while the mark's group is not."""

    doc: Doc
    mark: Mark

    def measured(self, frame: Frame) -> Frame:
        _, flat, indent, reach = frame
        return (self.doc, False, indent, BREAKS) if flat and not self.mark.broken else (self.doc, flat, indent, reach)

    def printed(self, frame: Frame, printer: Printer) -> Frame:
        if not self.mark.broken:
            printer.fitting = False
        return self.doc, *frame[1:]


@dataclass(eq=False)
class Choice(Part):
    """The first of its variants that fits; the last, if none does."""

    variants: list[Doc]

    def measured(self, frame: Frame) -> Frame:
        _, flat, indent, reach = frame
        return (self.variants[0], True, indent, LINE) if flat else (self.variants[-1], False, indent, reach)

    def printed(self, frame: Frame, printer: Printer) -> Frame:
        indent, reach = frame[2:]
        if printer.stays_flat(self.variants[0], frame):
            return self.variants[0], True, indent, reach
        for variant in self.variants[1:-1]:
            if printer.fits((variant, True, indent, reach)):
                return variant, True, indent, reach
        return self.variants[-1], False, indent, reach


@dataclass(eq=False)
class Helped(Part):
    """What gets parentheses if it fits with them, and not without."""

    doc: Doc
    mark: Mark

    def measured(self, frame: Frame) -> Frame:
        self.mark.broken = not frame[1]
        return self.doc, *frame[1:]

    def printed(self, frame: Frame, printer: Printer) -> Frame:
        _, flat, indent, reach = frame
        within: Doc = ["(", Indent([HARD, self.doc]), HARD, ")"]
        if not printer.stays_flat(self.doc, frame, self.mark):
            self.mark.broken = True
            self.mark.broken = printer.fits((within, flat, indent, LINES))
        return (within if self.mark.broken else self.doc), not self.mark.broken, indent, reach


SOFT, SPACE, HARD = Break(""), Break(" "), Break("", always=True)
PRAGMA = re.compile(r"  # *((?i:noqa)|nosec|(isort|type|pyright|pyrefly|pylint|flake8|ruff|ty):)")
# Marks that never change, for what stands in no brackets, where no line may end, and for what stands in some.
OPEN, ENCLOSED = Mark(), Mark(broken=True)


def width(text: str) -> int:
    """Count the columns that `text` takes; a comment for a linter counts for none."""
    if text[:3] == "  #" and PRAGMA.match(text):
        return 0
    if text.isascii():
        return len(text)
    seen = [character for character in text if unicodedata.category(character) not in ("Mn", "Me", "Cf")]
    return len(seen) + sum(unicodedata.east_asian_width(character) in "WF" for character in seen)


class Printer:
    """Lays out one document. What is `fitting` is known to fit, up to the end of the line."""

    def __init__(self, indent: int) -> None:
        self.indent = self.column = indent
        self.stack: list[Frame] = []
        self.fitting = False

    def print(self, doc: Doc) -> str:
        """Lay out `doc`; its first line starts where it is indented to."""
        texts: list[str] = []
        self.stack.append((doc, False, self.indent, LINE))
        while self.stack:
            frame = self.stack.pop()
            doc, flat, indent, reach = frame
            if isinstance(doc, str):
                texts.append(doc)
                self.column += width(doc)
            elif isinstance(doc, list):
                self.stack.extend([(part, flat, indent, reach) for part in reversed(doc)])
            elif not isinstance(doc, Break):
                self.stack.append(doc.printed(frame, self))
            elif flat and not doc.always:
                texts.append(doc.flat)
                self.column += len(doc.flat)
            else:
                texts.append("\n" + " " * indent)
                self.column, self.fitting = indent, False
        return "".join(texts)

    def stays_flat(self, doc: Doc, frame: Frame, mark: Mark | None = None) -> bool:
        """Say whether the line takes what is broken otherwise."""
        _, flat, indent, reach = frame
        if flat and self.fitting:
            return True
        self.fitting = True
        if mark:
            mark.broken = False
        return self.fits((doc, True, indent, reach))

    def fits(self, frame: Frame) -> bool:
        """Say whether the line takes a frame, and what follows up to the next end of a line."""
        column, following, pending = self.column, len(self.stack), [frame]
        while pending or following:
            if not pending:
                following -= 1
                pending.append(self.stack[following])
            frame = pending.pop()
            doc, flat, indent, reach = frame
            if isinstance(doc, str):
                column += width(doc)
                if column > WIDTH and reach != BREAKS:
                    return False
            elif isinstance(doc, list):
                pending.extend([(part, flat, indent, reach) for part in reversed(doc)])
            elif not isinstance(doc, Break):
                pending.append(doc.measured(frame))
            elif flat and not doc.always:
                pending.append((doc.flat, *frame[1:]))
            elif flat or reach == LINE:
                return True
            else:
                column = indent
        return True


def enclosed(left: str, doc: Doc, right: str, level: Mark) -> Doc:
    """Put brackets around `doc`, which gets lines of its own where it does not fit."""
    inner = Group([Indent([SOFT, doc]), SOFT])
    return [left, inner if level is OPEN else Apart(inner, level), right]


def parenthesized(doc: Doc, mark: Mark) -> Doc:
    """Put parentheses around `doc` where it does not fit."""
    return Group([Either("(", ""), Indent([SOFT, doc], mark), SOFT, Either(")", "")], mark)


def line(level: Mark) -> Doc:
    """Let a line end here, if brackets stand around."""
    return Either(SPACE, " ", level)


def listed(docs: Iterable[Doc], fewest: int = 2) -> list[Doc]:
    """Separate by commas. Where they are broken, and there are enough of them, the last gets one, too."""
    parts = [part for doc in docs for part in (",", SPACE, doc)][2:]
    return [*parts, Either(",", "")] if len(parts) > (fewest - 1) * 3 else parts


class Documents(Extension):
    """Lets Copier load this module, which its neighbours import."""
