"""A picture of a drill: how the requests of each second ended, above what happened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from drills.load import How

if TYPE_CHECKING:
    from drills.load import Load
    from drills.report import Drill, Phase

# Told apart by lightness too: not everybody sees red and green as two colours.
COLOURS = {
    How.WELL: "#7bc68d",
    How.REFUSED: "#9a6700",
    How.UNSERVED: "#eac54f",
    How.BROKEN: "#cf222e",
    How.LATE: "#8250df",
    How.WRONG: "#1f2328",
}
INK, FAINT, BAND = "#1f2328", "#d0d7de", "#eaeef2"
WIDTH, HEIGHT = 1000.0, 240.0  # pixels of the plot
LEFT, TOP, RIGHT, BOTTOM = 48.0, 182.0, 90.0, 44.0  # and around it
STEPS = (10, 20, 50, 100, 200, 500, 1000)  # requests between two lines


def add(parent: Element, name: str, words: str = "", **attributes: float | str) -> None:
    given = {
        key.replace("_", "-"): f"{value:g}" if isinstance(value, float) else value for key, value in attributes.items()
    }
    SubElement(parent, name, given).text = words or None


class Plot:
    """Where a moment and a number of requests stand."""

    def __init__(self, found: Drill) -> None:
        self.begin, self.end = found.phases[0].begin, found.phases[-1].end
        self.ended = {how: self.seconds(found.load, how) for how in How}
        self.most = max(sum(self.ended.values(), Counter()).values(), default=1)

    def seconds(self, load: Load, how: How) -> Counter[int]:
        """Count the requests that ended so in each second."""
        calls = load.between(self.begin, self.end)
        return Counter(int(call.end - self.begin) for call in calls if call.how is how)

    def x(self, seconds: float) -> float:
        return LEFT + seconds / (self.end - self.begin) * WIDTH

    def height(self, number: float) -> float:
        return number / self.most * HEIGHT


def draw_phase(image: Element, plot: Plot, phase: Phase) -> None:
    """Draw a band for as long as it lasts, under its name."""
    x, over = plot.x(phase.begin - plot.begin), plot.x(phase.over - plot.begin)
    add(image, "rect", x=x, y=TOP, width=max(2.0, over - x), height=HEIGHT, fill=BAND)
    add(image, "line", x1=x, x2=x, y1=TOP - 5, y2=TOP + HEIGHT, stroke="#8c959f")
    add(image, "text", phase.name, transform=f"translate({x + 4:g} {TOP - 9:g}) rotate(-32)")


def draw_axes(image: Element, plot: Plot) -> None:
    step = next((step for step in STEPS if plot.most / step <= 6), STEPS[-1])
    for number in range(0, plot.most + 1, step):
        y = TOP + HEIGHT - plot.height(number)
        add(image, "line", x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y, stroke=FAINT)
        add(image, "text", f"{number}", x=LEFT - 8, y=y + 4, text_anchor="end")
    for second in range(0, int(plot.end - plot.begin), 30):
        told = f"{second // 60}:{second % 60:02}"
        add(image, "text", told, x=plot.x(second), y=TOP + HEIGHT + 18, text_anchor="middle")
    told = "minutes; grey is the time for which something is wrong"
    add(image, "text", told, x=LEFT + WIDTH / 2, y=TOP + HEIGHT + 36, text_anchor="middle")


def draw_seconds(image: Element, plot: Plot) -> None:
    """Stack the requests of each second, by how they ended."""
    width = plot.x(1) - plot.x(0)
    for second in range(int(plot.end - plot.begin) + 1):
        y = TOP + HEIGHT
        for how, colour in COLOURS.items():
            height = plot.height(plot.ended[how][second])
            y -= height
            if height:
                add(image, "rect", x=plot.x(second), y=y, width=width * 0.86, height=height, fill=colour)


def draw_legend(image: Element, plot: Plot) -> None:
    x = LEFT
    for how, colour in COLOURS.items():
        if number := plot.ended[how].total():
            told = f"{'answered well' if how is How.WELL else how}: {number:,}"
            add(image, "rect", x=x, y=42.0, width=12.0, height=12.0, rx=2.0, fill=colour)
            add(image, "text", told, x=x + 18, y=52.0)
            x += 40 + len(told) * 6.6


def picture(found: Drill) -> str:
    """Draw what came of a drill, as SVG."""
    plot = Plot(found)
    wide, high = LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM
    font = {"font-family": "system-ui, sans-serif", "font-size": "12", "fill": INK}
    size = {"viewBox": f"0 0 {wide:g} {high:g}", "width": f"{wide:g}"}
    image = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"} | font | size)
    title = "How the requests of each second ended, while things went wrong"
    add(image, "title", title)
    add(image, "rect", width="100%", height="100%", fill="white")
    add(image, "text", title, x=LEFT, y=26.0, font_weight="600", font_size="14")
    draw_legend(image, plot)
    for phase in found.phases:
        draw_phase(image, plot, phase)
    draw_axes(image, plot)
    draw_seconds(image, plot)
    indent(image)
    return tostring(image, encoding="unicode") + "\n"
