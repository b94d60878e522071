"""What came of a drill, as a page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drills.load import KINDS, PROPER, How
from drills.production import DRAIN

if TYPE_CHECKING:
    from drills.load import Call, Load

SPOTLESS = {"nothing", "rollout, SIGTERM", "a worker killed", "Valkey killed", "three migrations"}  # for those who call
KILLED = "a replica killed"  # with what it was at
HEADS = (
    "What happens",
    "for, s",
    "sent",
    "failed",
    "503 by the service",
    "by the balancer",
    "no answer",
    "kept",
    "lost",
    "well again, s",
    "longest failure, s",
)
PAGE = """\
# The drill

`uv run python -m drills` puts a production together on one machine, without a cluster: three replicas of the service
behind HAProxy, two workers, PostgreSQL behind PgBouncer in a network of their own, and a Valkey, all of them real.
{callers} callers read, write, and ask for jobs all the while, and one thing after the other goes wrong. It wants root
on Linux, and Debian's `haproxy` and `pgbouncer`. CI runs a short one (`tests/delivery/test_drill.py`).

![How the requests of each second ended, while things went wrong](drill.svg)

- {calls:,} requests in {minutes:.0f} minutes.
- {writes:,} writes were acknowledged, and {lost_writes} lost.
- {jobs:,} jobs were accepted: {lost_jobs} lost, {twice} done twice, by what they did. The longest took {longest:.0f} s,
  which is the one that a killed worker was at: another takes it over when its lease of 30 s has ended.
- Only what was stopped or killed is started again; all else mends itself.

{head}
{line}
{rows}

*Sent* are the requests from the beginning until callers had good answers, and no others, for three seconds; *kept* are
the rows and jobs that were acknowledged by then, and *lost* those of them that the database does not have in the end.
*Well again* are the seconds from the end of what happens to the last failure.

- A rollout replaces each replica and each worker by SIGTERM, and fails nothing, with a drain of {drain} s and HAProxy
  asking twice a second whether a replica is ready.
- A replica that is killed fails what it was at, and no more: HAProxy asks another where one cannot be reached, but
  sends nothing twice that one may have begun.
- While the database is away, who was in the midst of it is told so by the service, and who comes later by HAProxy, for
  no replica is ready then.
- Where an answer does not come, as when the network is cut, it is waited for as long as a statement may take
  (`DATABASE_STATEMENT_TIMEOUT`, 10 s), and the connection then has 2 s to close. Nobody waits much longer.
- The pooler's 20 connections are held by others for 12 s; then a table is locked for as long, and a hundred callers
  more come. Who gets no connection in `DATABASE_POOL_TIMEOUT` (5 s), or no answer in time, is told so.
- Three processes migrate one new database at once: all succeed, and one does it.
"""


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

    def lost_of(self, kind: str) -> int:
        return sum(call.made in self.lost for call in self.load.made(kind))

    @property
    def broken(self) -> list[str]:
        """Say what was not as promised."""
        told = [phase.broken for phase in self.phases]
        told += [f"{len(self.lost)} lost" if self.lost else "", f"{len(self.twice)} done twice" if self.twice else ""]
        return [each for each in told if each]


def row(phase: Phase, lost: set[str]) -> str:
    """Write what came of one fault."""
    kinds = Counter(call.how for call in phase.failed)
    other = len(phase.failed) - kinds[How.REFUSED] - kinds[How.UNSERVED]
    numbers = (len(phase.calls), len(phase.failed), kinds[How.REFUSED], kinds[How.UNSERVED], other, len(phase.made))
    told = " | ".join(f"{number:,}" for number in (*numbers, len(phase.made & lost)))
    late = max((call.seconds for call in phase.failed), default=0.0)
    return f"| {phase.name} | {phase.over - phase.begin:.0f} | {told} | {phase.recovery:.1f} | {late:.1f} |"


def page(found: Drill) -> str:
    """Write what came of a drill."""
    jobs = found.load.made("ask")
    return PAGE.format(
        callers=sum(KINDS.values()),
        calls=len(found.load.calls),
        minutes=(found.phases[-1].end - found.phases[0].begin) / 60,
        writes=len(found.load.made("write")),
        lost_writes=found.lost_of("write") or "none",
        jobs=len(jobs),
        lost_jobs=found.lost_of("ask") or "none",
        twice=len(found.twice) or "none",
        longest=max((found.waited.get(call.made, 0.0) for call in jobs), default=0.0),
        drain=DRAIN,
        head=f"| {' | '.join(HEADS)} |",
        line=f"| --- |{' --: |' * (len(HEADS) - 1)}",
        rows="\n".join(row(phase, found.lost) for phase in found.phases),
    )
