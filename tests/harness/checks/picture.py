"""Draw the matrix as an SVG picture, in which each service is a field coloured by the state of its checks.

The answers of a service determine its position.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tests.harness.combinations.questions import answer_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.harness.combinations.questions import Answers, Questionnaire

State = Literal["passed", "cached", "built", "failed", "not checked"]

# Distinct in lightness too, and a failure has a cross: for readers who are colour-blind.
COLOURS: dict[State, str] = {
    "passed": "#1a7f37",
    "cached": "#7bc68d",
    "built": "#b3dcf2",  # no other check was run
    "failed": "#cf222e",
    "not checked": "#d8dee4",
}
INK = "#1f2328"
FONT = {"font-family": "system-ui, sans-serif", "font-size": "13"}
CENTRED = {"text-anchor": "middle"}
LINE, GAP, MARGIN = 20, 2, 24  # pixels
LETTER = 7.2  # approximate width in pixels
LEGEND = 60  # letters
NARROWEST, WIDEST = 11, 150  # width of a field in pixels


@dataclass(frozen=True)
class Field:
    """The state, duration (in seconds) and failed checks that the picture shows for a service."""

    answers: Answers
    state: State
    seconds: float
    failed: tuple[str, ...] = ()

    def __str__(self) -> str:
        failed = f" ({', '.join(self.failed)})" if self.failed else ""
        seconds = f", {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.state}{failed}{seconds}"


def text(parent: Element, x: float, y: float, words: str, **attributes: str) -> Element:
    element = SubElement(parent, "text", {"x": f"{x:g}", "y": f"{y:g}"} | attributes)
    element.text = words
    return element


class Grid:
    """The layout of the fields in columns and rows.

    Each answer to one question is a column, and each combination of the other answers is a row.
    """

    def __init__(self, questionnaire: Questionnaire, fields: Iterable[Field], lines: Sequence[str]) -> None:
        self.axes = questionnaire.varying
        across = max(self.axes, key=lambda name: len(self.axes[name]))
        self.of_rows, self.of_columns = [name for name in self.axes if name != across], [across]
        used = {self.heading(self.of_rows, field.answers) for field in fields}
        self.rows = [heading for heading in self.headings(self.of_rows) if heading in used]
        self.columns = self.headings(self.of_columns)
        self.width = min(WIDEST, max(NARROWEST, 900 / len(self.columns)))
        longest = max(map(len, self.columns)) * LETTER
        self.turned = longest > self.width
        self.left = MARGIN + max(map(len, self.rows)) * LETTER + 12
        self.top = MARGIN + LINE * (len(lines) + 2) + (longest if self.turned else LINE)
        widest = max(LEGEND, *map(len, lines)) * LETTER
        self.right = max(self.left + len(self.columns) * (self.width + GAP), MARGIN + widest) + MARGIN
        self.bottom = self.top + len(self.rows) * (LINE + GAP) + MARGIN

    def headings(self, names: Sequence[str]) -> list[str]:
        """Return one heading per combination of answers to the given questions."""
        every = product(*(self.axes[name] for name in names))
        return [self.heading(names, dict(zip(names, answers, strict=True))) for answers in every]

    def heading(self, names: Sequence[str], answers: Answers) -> str:
        return " · ".join(answer_label(name, answers[name]) for name in names)

    def x(self, column: int) -> float:
        return self.left + column * (self.width + GAP)

    def y(self, row: int) -> float:
        return self.top + row * (LINE + GAP)

    def place(self, answers: Answers) -> tuple[float, float]:
        """Return the top left corner of a field."""
        column = self.columns.index(self.heading(self.of_columns, answers))
        return self.x(column), self.y(self.rows.index(self.heading(self.of_rows, answers)))


def draw_field(parent: Element, field: Field, label: str, grid: Grid) -> None:
    """Draw a field as SVG, with its label as a tooltip and, if it fits, inside the field."""
    x, y = grid.place(field.answers)
    group = SubElement(parent, "g")
    SubElement(group, "title").text = f"{label}: {field}"
    size = {"width": f"{grid.width:g}", "height": f"{LINE:g}", "rx": "2"}
    SubElement(group, "rect", {"x": f"{x:g}", "y": f"{y:g}", "fill": COLOURS[field.state]} | size)
    if field.state == "failed":
        wide, high = grid.width - 6, LINE - 10
        cross = f"M{x + 3:g} {y + 5:g} l{wide:g} {high} m0 -{high} l-{wide:g} {high}"
        SubElement(group, "path", {"d": cross, "stroke": "white", "stroke-width": "2", "fill": "none"})
    elif len(str(field)) * LETTER < grid.width:
        ink = "white" if field.state == "passed" else INK
        text(group, x + grid.width / 2, y + 14, str(field), fill=ink, **CENTRED)


def draw_legend(parent: Element, fields: Iterable[Field], y: float) -> None:
    counts = Counter(field.state for field in fields)
    x: float = MARGIN
    for state, colour in COLOURS.items():
        caption = f"{counts[state]} {state}"
        SubElement(parent, "rect", {"x": f"{x:g}", "y": f"{y:g}", "width": "12", "height": "12", "fill": colour})
        text(parent, x + 18, y + 11, caption)
        x += 18 + (len(caption) + 3) * LETTER


def draw_headings(parent: Element, grid: Grid) -> None:
    for number, heading in enumerate(grid.columns):
        x, y = grid.x(number) + grid.width / 2, grid.top - 6
        text(
            parent,
            x,
            y,
            heading,
            **({"transform": f"translate(4 0) rotate(-90 {x:g} {y:g})"} if grid.turned else CENTRED),
        )
    for number, heading in enumerate(grid.rows):
        text(parent, grid.left - 8, grid.y(number) + 14, heading, **{"text-anchor": "end"})


def draw(questionnaire: Questionnaire, fields: Mapping[str, Field], lines: Sequence[str]) -> str:
    """Return the SVG picture, with lines of text above the fields."""
    grid = Grid(questionnaire, fields.values(), lines)
    size = {"viewBox": f"0 0 {grid.right:.0f} {grid.bottom:.0f}", "width": f"{grid.right:.0f}"}
    image = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "fill": INK} | FONT | size)
    SubElement(image, "title").text = lines[0]
    SubElement(image, "rect", {"width": "100%", "height": "100%", "fill": "white"})
    for number, line in enumerate(lines, 1):
        text(image, MARGIN, LINE * number + 8, line, **({"font-weight": "600"} if number == 1 else {}))
    draw_legend(image, fields.values(), LINE * (len(lines) + 1))
    draw_headings(image, grid)
    for label, field in fields.items():
        draw_field(image, field, label, grid)
    indent(image)
    return tostring(image, encoding="unicode") + "\n"
