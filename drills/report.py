"""What came of a drill, as a page and as a picture."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from drills.load import PROPER, How

if TYPE_CHECKING:
    from drills.load import Call, Load

SPOTLESS = {"nothing", "rollout, SIGTERM", "a worker killed", "Valkey killed", "three migrations"}  # for those who call
KILLED = "a replica killed"  # with what it was at


@dataclass(frozen=True)
class Phase:
    """A fault: when it began, when it was over, when callers had forgotten it, and what they saw."""

    name: str
    begin: float
    over: float
    end: float
    load: Load

    @property
    def calls(self) -> list[Call]:
        return self.load.between(self.begin, self.end)

    @property
    def failed(self) -> list[Call]:
        return [call for call in self.calls if not call.ok]

    @property
    def made(self) -> set[str]:
        """What was acknowledged."""
        return {call.made for call in self.calls if call.made}

    @property
    def recovery(self) -> float:
        """Seconds from the end of the fault to the end of the last call that failed; none, where it was before."""
        return max(0.0, max((call.end for call in self.failed), default=self.over) - self.over)

    @property
    def slowest(self) -> float:
        return max((call.seconds for call in self.calls), default=0.0)

    @property
    def broken(self) -> str:
        """Say what was not as promised."""
        kinds = Counter(call.how for call in self.failed)
        if kinds and self.name in SPOTLESS:
            return f"{self.name}: {len(self.failed)} calls failed"
        wrong = kinds.keys() - PROPER - ({How.BROKEN} if self.name == KILLED else set())
        return f"{self.name}: {', '.join(sorted(wrong))}" if wrong else ""

    def __str__(self) -> str:
        kinds = Counter(call.how for call in self.failed)
        told = "; ".join(f"{number} {how}" for how, number in kinds.items()) or "none failed"
        seen = f"well again {self.recovery:.1f} s after; slowest {self.slowest:.1f} s"
        return f"{self.name}: {len(self.calls)} calls, {told}; {seen}"


@dataclass(frozen=True)
class Drill:
    """All that happened, and what was found in the end."""

    load: Load
    phases: list[Phase]
    lost: set[str]  # what was acknowledged and is not there: rows, and jobs that were not done
    twice: set[str]  # jobs that were done more than once
    waited: dict[str, float]  # seconds until each job was done

    @property
    def broken(self) -> list[str]:
        """Say what was not as promised."""
        told = [phase.broken for phase in self.phases]
        told += [f"{len(self.lost)} lost" if self.lost else "", f"{len(self.twice)} done twice" if self.twice else ""]
        return [each for each in told if each]


def page(phases: list[Phase]) -> str:
    """Write a row for each fault."""
    rows = [
        f"| {phase.name} | {phase.over - phase.begin:.0f} | {phase.sent:,} | {len(phase.failures):,} | {phase.kept:,} "
        f"| {phase.gone} | {phase.recovery:.1f} | {phase.slowest:.1f} |"
        for phase in phases
    ]
    return "\n".join(
        [
            "# The drill",
            "",
            "`uv run python -m drills` puts a production together on one machine, without a cluster: three replicas",
            "of the service behind HAProxy, two workers, PostgreSQL behind PgBouncer in a network of their own, and",
            "a Valkey, all of them real. Thirteen callers read, write, and ask for jobs, while one thing after the",
            "other happens. A request fails that gets no answer, or another one than it should; lost is what was",
            "acknowledged and is not there in the end, a job that was not done included.",
            "",
            "![Requests in each second, and what happened](drill.svg)",
            "",
            "| What happens | for, s | sent | failed | acknowledged | lost | well again after, s | slowest, s |",
            "| --- | --: | --: | --: | --: | --: | --: | --: |",
            *rows,
            "",
            "Nothing is restarted for it: whatever is left mends itself. HAProxy sends no request twice that a replica",
            "may have begun, so a replica that is killed fails what it was at.",
            "",
        ]
    )


def picture(phases: list[Phase]) -> str:
    """Draw how many requests ended well and badly in each second, under what happened."""
    first, last = phases[0].begin, phases[-1].end
    scale = (WIDTH - LEFT) / (last - first)
    seconds = {ok: Counter(int(call.end - first) for call in phases[0].load.calls if call.ok is ok) for ok in COLOURS}
    most = max((seconds[True] + seconds[False]).values(), default=1)
    drawn = []
    for phase in phases:
        x, width = LEFT + (phase.begin - first) * scale, (phase.over - phase.begin) * scale
        drawn += [
            f'<rect x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT}" fill="#edf2f7"/>',
            f'<text transform="translate({x + 8:.1f} {TOP - 6}) rotate(-35)">{escape(phase.name)}</text>',
        ]
    for second in range(int(last - first) + 1):
        y = float(TOP + HEIGHT)
        for ok, colour in COLOURS.items():
            height = seconds[ok][second] / most * HEIGHT
            y -= height
            place = f'x="{LEFT + second * scale:.1f}" y="{y:.1f}" width="{scale * 0.9:.1f}"'
            drawn.append(f'<rect {place} height="{height:.1f}" fill="{colour}"/>')
    size = f'viewBox="0 0 {WIDTH + 60} {TOP + HEIGHT + 30}"'
    told = f"Seconds 0 to {last - first:.0f}: well answered in green, badly or not at all in red; grey while something is wrong"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="11">',
            "<title>Requests in each second of the drill</title>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *drawn,
            f'<text x="4" y="{TOP + 10}">{most}/s</text>',
            f'<text x="{LEFT}" y="{TOP + HEIGHT + 18}">{told}</text>',
            "</svg>",
            "",
        ]
    )
