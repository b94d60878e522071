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
    "Fault",
    "duration, s",
    "sent",
    "failed",
    "503 by the service",
    "503 by HAProxy",
    "no response",
    "stored",
    "lost",
    "recovery, s",
    "longest failure, s",
)
PAGE = """\
# The drill

`uv run python -m drills` runs a production environment on one machine, without a cluster: three replicas of the service
behind HAProxy, two workers, PostgreSQL behind PgBouncer in a separate network, and a Valkey, all of them real.
{callers} clients read, write, and enqueue jobs continuously, while faults are injected one after the other. It requires
root on Linux, and Debian's `haproxy` and `pgbouncer`. CI runs a short form (`tests/delivery/test_drill.py`).

![Results of the requests per second, during the faults](drill.svg)

- {calls:,} requests in {minutes:.0f} minutes.
- {writes:,} writes were acknowledged, and {lost_writes} lost.
- {jobs:,} jobs were accepted: {lost_jobs} lost, {twice} with duplicate effects. The longest took {longest:.0f} s:
  that of a killed worker, which another worker claims after its lease of 30 s has expired.
- Only stopped and killed processes are restarted; everything else recovers by itself.

{head}
{line}
{rows}

*Sent* counts requests from the start of a fault until all requests succeeded for three seconds; *stored* counts the
rows and jobs that were acknowledged by then, and *lost* those that are missing in the database at the end. *Recovery*
is the time from the end of the fault to the last failed request.

- A rollout stops each replica and each worker by SIGTERM, without failed requests, with a drain of {drain} s and
  readiness checks of HAProxy twice per second.
- A killed replica fails only the requests that it was processing: HAProxy sends requests to another if a replica is
  unreachable, but does not repeat requests that a replica may have started.
- While the database is unavailable, running requests get 503 from the service, and later ones from HAProxy, because no
  replica is ready.
- Without a response of the database, as in a network partition, the service waits for the statement timeout
  (`DATABASE_STATEMENT_TIMEOUT`, 10 s), and up to 2 s more to close the connection.
- All 20 connections of the pooler are occupied for 12 s; then a table is locked for 12 s, with a hundred more clients.
  Requests without a connection within `DATABASE_POOL_TIMEOUT` (5 s), or without a response in time, get 503.
- Three processes migrate one new database concurrently: all succeed, and one of them migrates.
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
