"""Write the report of a drill as Markdown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drills.load import ACCEPTABLE, KINDS, Outcome
from drills.production import DRAIN

if TYPE_CHECKING:
    from drills.load import Call, Load

# Faults that must not fail any request.
TRANSPARENT = {"baseline", "rolling restart", "worker killed", "Valkey killed", "concurrent migrations"}
KILLED = "replica killed"  # which may fail its in-flight requests
HEADS = (
    "fault",
    "duration, s",
    "requests",
    "failed",
    "503 by the service",
    "by the balancer",
    "no response",
    "acknowledged",
    "lost",
    "recovery, s",
    "slowest failure, s",
)
PAGE = """\
# The drill

`uv run python -m drills` runs a production setup of the service on one machine, without a cluster. The setup has three
replicas of the service behind HAProxy, two workers, PostgreSQL behind PgBouncer in a network namespace, and Valkey.
During the drill, {clients} clients read, write and enqueue jobs, while faults are injected one after another. The
drill needs root on Linux, and the Debian packages `haproxy` and `pgbouncer`. CI runs a shorter drill
(`tests/delivery/test_drill.py`).

![Outcomes of requests per second during the faults](drill.svg)

- {calls:,} requests in {minutes:.0f} minutes.
- {writes:,} writes were acknowledged. Of these, {lost_writes} were lost.
- {jobs:,} jobs were accepted. Of these, {lost_jobs} were lost and {duplicates} ran twice, counted by their
  effects. The slowest job took {longest:.0f} s. Its worker was killed, and another worker claimed the job after its
  lease of 30 s had expired.
- The drill restarts only the processes that it stopped or killed. All other processes recover without a restart.

{head}
{line}
{rows}

*Requests* counts the requests from the start of the fault until all requests have succeeded for three seconds.
*Acknowledged* counts the rows and jobs that were created in that period. *Lost* counts the acknowledged rows and jobs
that are missing in the database at the end. *Recovery* is the time from the end of the fault to the last failure.

- A rolling restart of all replicas and workers by SIGTERM fails no request, with a drain of {drain} s and HAProxy
  probing readiness twice a second.
- When a replica is killed, only its in-flight requests fail. If a connection fails, HAProxy retries on another replica.
  It never repeats a request that a replica may have started to process.
- While the database is unavailable, in-flight requests get 503 from the service. New requests get 503 from HAProxy,
  because no replica is ready.
- If the database does not respond, as in a network partition, a request waits for the statement timeout
  (`DATABASE_STATEMENT_TIMEOUT`, 10 s), and 2 s for its connection to close. No request waits much longer.
- In "pool exhausted", other clients hold the 20 connections of PgBouncer for 12 s. In "table lock and load peak", a
  table is locked for 12 s while a hundred more clients send requests. A request gets 503 if it gets no connection
  within `DATABASE_POOL_TIMEOUT` (5 s), or no result before the statement timeout.
- In "concurrent migrations", three processes migrate one new database at the same time. All three succeed, and one of
  them applies the revisions.
"""


@dataclass(frozen=True)
class Phase:
    """The period of one fault, from its start until the service recovered."""

    name: str
    begin: float
    fault_end: float
    end: float
    load: Load

    @property
    def calls(self) -> list[Call]:
        """The requests that ended in this period."""
        return self.load.between(self.begin, self.end)

    @property
    def failed(self) -> list[Call]:
        """The requests that failed in this period."""
        return [call for call in self.calls if not call.ok]

    @property
    def acknowledged(self) -> set[str]:
        """The ids of the rows and jobs whose creation a response confirmed in this period."""
        return {call.acknowledged for call in self.calls if call.acknowledged}

    @property
    def recovery(self) -> float:
        """Seconds from the end of the fault to the last failed request; 0 if none failed after it."""
        return max(0.0, max((call.end for call in self.failed), default=self.fault_end) - self.fault_end)

    @property
    def slowest(self) -> float:
        """The duration of this period's slowest request in seconds."""
        return max((call.seconds for call in self.calls), default=0.0)

    @property
    def violation(self) -> str:
        """The guarantee that the service violated in this period; empty if there is none."""
        outcomes = Counter(call.outcome for call in self.failed)
        if outcomes and self.name in TRANSPARENT:
            return f"{self.name}: {len(self.failed)} calls failed"
        unacceptable = outcomes.keys() - ACCEPTABLE - ({Outcome.DISCONNECTED} if self.name == KILLED else set())
        return f"{self.name}: {', '.join(sorted(unacceptable))}" if unacceptable else ""

    def __str__(self) -> str:
        outcomes = Counter(call.outcome for call in self.failed)
        failures = "; ".join(f"{number} {outcome}" for outcome, number in outcomes.items()) or "none failed"
        times = f"recovery {self.recovery:.1f} s; slowest {self.slowest:.1f} s"
        return f"{self.name}: {len(self.calls)} calls, {failures}; {times}"


@dataclass(frozen=True)
class Drill:
    """The requests, faults, lost rows and repeated jobs of a drill."""

    load: Load
    phases: list[Phase]
    lost: set[str]  # ids of acknowledged rows that are missing, and of jobs that are not done
    duplicates: set[str]  # ids of jobs that ran more than once
    durations: dict[str, float]  # seconds until each job was done

    def lost_of(self, kind: str) -> int:
        """Return how many acknowledged rows or jobs of a kind are missing in the database."""
        return sum(call.acknowledged in self.lost for call in self.load.acknowledged(kind))

    @property
    def violations(self) -> list[str]:
        """All violated guarantees, including the counts of lost rows and jobs, and of repeated jobs."""
        lost = f"{len(self.lost)} lost" if self.lost else ""
        duplicates = f"{len(self.duplicates)} run twice" if self.duplicates else ""
        return list(filter(None, [*(phase.violation for phase in self.phases), lost, duplicates]))


def row(phase: Phase, lost: set[str]) -> str:
    """Return the row of the report's table that describes one fault."""
    outcomes = Counter(call.outcome for call in phase.failed)
    rejected, unavailable = outcomes[Outcome.REJECTED], outcomes[Outcome.UNAVAILABLE]
    other = len(phase.failed) - rejected - unavailable
    created = phase.acknowledged
    counts = (len(phase.calls), len(phase.failed), rejected, unavailable, other, len(created), len(created & lost))
    cells = " | ".join(f"{count:,}" for count in counts)
    slowest = max((call.seconds for call in phase.failed), default=0.0)
    return f"| {phase.name} | {phase.fault_end - phase.begin:.0f} | {cells} | {phase.recovery:.1f} | {slowest:.1f} |"


def page(drill: Drill) -> str:
    """Return the report of a drill as a Markdown page of the docs."""
    jobs = drill.load.acknowledged("enqueue")
    return PAGE.format(
        clients=sum(KINDS.values()),
        calls=len(drill.load.calls),
        minutes=(drill.phases[-1].end - drill.phases[0].begin) / 60,
        writes=len(drill.load.acknowledged("write")),
        lost_writes=drill.lost_of("write") or "none",
        jobs=len(jobs),
        lost_jobs=drill.lost_of("enqueue") or "none",
        duplicates=len(drill.duplicates) or "none",
        longest=max((drill.durations.get(call.acknowledged, 0.0) for call in jobs), default=0.0),
        drain=DRAIN,
        head=f"| {' | '.join(HEADS)} |",
        line=f"| --- |{' --: |' * (len(HEADS) - 1)}",
        rows="\n".join(row(phase, drill.lost) for phase in drill.phases),
    )
