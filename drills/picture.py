"""Draw the timeline of a drill as SVG, with the outcomes of requests per second and the periods of faults."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from drills.load import Outcome

if TYPE_CHECKING:
    from drills.load import Load
    from drills.report import Drill, Phase

# The lightness differs, too, for readers with colour blindness.
COLOURS = {
    Outcome.SUCCESS: "#7bc68d",
    Outcome.REJECTED: "#9a6700",
    Outcome.UNAVAILABLE: "#eac54f",
    Outcome.DISCONNECTED: "#cf222e",
    Outcome.TIMEOUT: "#8250df",
    Outcome.UNEXPECTED: "#1f2328",
}
INK, FAINT, BAND = "#1f2328", "#d0d7de", "#eaeef2"
WIDTH, HEIGHT = 1000.0, 240.0  # of the plot in pixels
LEFT, TOP, RIGHT, BOTTOM = 48.0, 182.0, 90.0, 44.0  # margins
STEPS = (10, 20, 50, 100, 200, 500, 1000)  # requests between grid lines


def add(parent: Element, name: str, text: str = "", **attributes: float | str) -> None:
    """Append an SVG element to its parent; underscores in attribute names become hyphens."""
    xml_attributes = {
        key.replace("_", "-"): f"{value:g}" if isinstance(value, float) else value for key, value in attributes.items()
    }
    SubElement(parent, name, xml_attributes).text = text or None


class Plot:
    """Scales of the plot, with time on the x axis and requests per second on the y axis."""

    def __init__(self, drill: Drill) -> None:
        self.begin, self.end = drill.phases[0].begin, drill.phases[-1].end
        self.counts = {outcome: self.seconds(drill.load, outcome) for outcome in Outcome}
        self.most = max(sum(self.counts.values(), Counter()).values(), default=1)

    def seconds(self, load: Load, outcome: Outcome) -> Counter[int]:
        """Count the requests with a given outcome in each second."""
        calls = load.between(self.begin, self.end)
        return Counter(int(call.end - self.begin) for call in calls if call.outcome is outcome)

    def x(self, seconds: float) -> float:
        """Return the x coordinate of a point in time."""
        return LEFT + seconds / (self.end - self.begin) * WIDTH

    def height(self, number: float) -> float:
        """Return the height of a bar for a number of requests."""
        return number / self.most * HEIGHT


def draw_phase(image: Element, plot: Plot, phase: Phase) -> None:
    """Draw the period of a fault as a band labelled with the fault's name."""
    x, fault_end = plot.x(phase.begin - plot.begin), plot.x(phase.fault_end - plot.begin)
    add(image, "rect", x=x, y=TOP, width=max(2.0, fault_end - x), height=HEIGHT, fill=BAND)
    add(image, "line", x1=x, x2=x, y1=TOP - 5, y2=TOP + HEIGHT, stroke="#8c959f")
    add(image, "text", phase.name, transform=f"translate({x + 4:g} {TOP - 9:g}) rotate(-32)")


def draw_axes(image: Element, plot: Plot) -> None:
    """Draw grid lines and axis labels."""
    step = next((step for step in STEPS if plot.most / step <= 6), STEPS[-1])
    for number in range(0, plot.most + 1, step):
        y = TOP + HEIGHT - plot.height(number)
        add(image, "line", x1=LEFT, x2=LEFT + WIDTH, y1=y, y2=y, stroke=FAINT)
        add(image, "text", f"{number}", x=LEFT - 8, y=y + 4, text_anchor="end")
    for second in range(0, int(plot.end - plot.begin), 30):
        label = f"{second // 60}:{second % 60:02}"
        add(image, "text", label, x=plot.x(second), y=TOP + HEIGHT + 18, text_anchor="middle")
    label = "minutes; grey periods have a fault"
    add(image, "text", label, x=LEFT + WIDTH / 2, y=TOP + HEIGHT + 36, text_anchor="middle")


def draw_seconds(image: Element, plot: Plot) -> None:
    """Draw one stacked bar per second, which shows the outcomes of its requests."""
    width = plot.x(1) - plot.x(0)
    for second in range(int(plot.end - plot.begin) + 1):
        y = TOP + HEIGHT
        for outcome, colour in COLOURS.items():
            height = plot.height(plot.counts[outcome][second])
            y -= height
            if height:
                add(image, "rect", x=plot.x(second), y=y, width=width * 0.86, height=height, fill=colour)


def draw_legend(image: Element, plot: Plot) -> None:
    """Draw a legend with the colour and total of each outcome."""
    x = LEFT
    for outcome, colour in COLOURS.items():
        if number := plot.counts[outcome].total():
            label = f"{outcome}: {number:,}"
            add(image, "rect", x=x, y=42.0, width=12.0, height=12.0, rx=2.0, fill=colour)
            add(image, "text", label, x=x + 18, y=52.0)
            x += 40 + len(label) * 6.6


def picture(drill: Drill) -> str:
    """Return the timeline of the drill as SVG."""
    plot = Plot(drill)
    wide, high = LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM
    font = {"font-family": "system-ui, sans-serif", "font-size": "12", "fill": INK}
    size = {"viewBox": f"0 0 {wide:g} {high:g}", "width": f"{wide:g}"}
    image = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"} | font | size)
    title = "Outcomes of requests per second during the faults"
    add(image, "title", title)
    add(image, "rect", width="100%", height="100%", fill="white")
    add(image, "text", title, x=LEFT, y=26.0, font_weight="600", font_size="14")
    draw_legend(image, plot)
    for phase in drill.phases:
        draw_phase(image, plot, phase)
    draw_axes(image, plot)
    draw_seconds(image, plot)
    indent(image)
    return tostring(image, encoding="unicode") + "\n"
