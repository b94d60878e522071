"""Inject faults into a deployment under load: no write is lost, errors are bounded, and it recovers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from drills.drill import drill
from drills.load import ACCEPTABLE, KINDS, Outcome
from drills.machines import missing, pgbouncer, shared_directory
from drills.production import ANSWERS
from tests.harness.checks.runner import environment
from tests.harness.checks.servers import running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drills.report import Drill, Phase
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

ROLLOUT, KILLED, MIGRATIONS, VALKEY = "rolling restart", "replica killed", "concurrent migrations", "Valkey killed"
OUTAGES = ("PostgreSQL killed", "PgBouncer killed", "pool exhausted", "network partition")
FAULTS = (ROLLOUT, KILLED, "worker killed", MIGRATIONS, VALKEY, *OUTAGES)
LONGEST = 25.0  # seconds: a place in the pool (5), a connection (5), a statement (10), and the end of a connection (2)
SOON = 15.0  # seconds; about one is usual
MODULES = (
    "auth/local/test_accounts",
    "database/test_database",
    "database/test_migrations",
    "database/test_postgresql",
    "database/test_transactions",
    "jobs/test_worker",
)
# Sends all queries except migrations through the pooler, in its transaction mode.
POOLED = """
import os
from app import postgresql

create_engine = postgresql.create_engine
for_migrations = postgresql.DatabaseSettings.for_migrations
postgresql.DatabaseSettings.for_migrations = lambda settings: for_migrations(
    settings.model_copy(update={"direct_url": settings.direct_url or settings.url})
)
postgresql.DatabaseSettings.model_fields["pooler"].default = postgresql.Pooler.TRANSACTION
postgresql.DatabaseSettings.model_rebuild(force=True)

def pooled(settings):
    there = {"host": os.environ["POOLER"], "port": "6432"}
    through = {"url": settings.url.update_query_dict(there)}
    return create_engine(settings.model_copy(update=through) if settings.pooler == "transaction" else settings)

postgresql.create_engine = pooled
"""


@pytest.fixture(scope="module")
def drillable(pytestconfig: pytest.Config) -> None:
    """Skip the drill if a program is missing; with `--drill`, fail."""
    if programs := missing():
        (pytest.fail if pytestconfig.option.drill else pytest.skip)(f"A drill needs {programs}.")


@pytest.fixture(scope="module")
def drilled(drillable: None, serve: Callable[[Answers], Service]) -> Drill:
    """The report of a drill that lasts about two minutes."""
    _ = drillable
    return asyncio.run(drill(serve(ANSWERS).directory, FAULTS, downtime=2, pause=0.2, quiet=2))


@pytest.fixture(scope="module")
def phases(drilled: Drill) -> dict[str, Phase]:
    return {phase.name: phase for phase in drilled.phases}


def test_drill_loses_no_acknowledged_write(drilled: Drill) -> None:
    assert drilled.load.acknowledged("write")
    assert drilled.load.acknowledged("enqueue")
    assert drilled.lost == set()


def test_drill_runs_no_job_twice(drilled: Drill) -> None:
    assert drilled.duplicates == set()


@pytest.mark.parametrize("name", [ROLLOUT, "worker killed", MIGRATIONS, VALKEY])
def test_tolerated_fault_fails_no_request(phases: dict[str, Phase], name: str) -> None:
    assert phases[name].calls
    assert phases[name].failed == []


def test_killed_replica_fails_only_in_flight_requests(phases: dict[str, Phase]) -> None:
    failed = phases[KILLED].failed
    assert len(failed) <= sum(KINDS.values())
    assert {call.outcome for call in failed} <= {Outcome.DISCONNECTED, Outcome.UNAVAILABLE}


@pytest.mark.parametrize("name", OUTAGES)
def test_outage_fails_requests_fast_and_service_recovers(phases: dict[str, Phase], name: str) -> None:
    failed = phases[name].failed
    assert failed
    assert {call.outcome for call in failed} <= ACCEPTABLE
    assert max(call.seconds for call in phases[name].calls) < LONGEST
    assert phases[name].recovery < SOON


@contextmanager
def pooled(service: Service) -> Iterator[dict[str, str]]:
    """Run PgBouncer in transaction mode; yield environment variables with its address and the database's."""
    with shared_directory() as directory, running_server("postgresql", service) as url:
        here, sockets = Path(directory), Path(parse_qs(urlsplit(url).query)["host"][0])
        for parent in (sockets, sockets.parent):
            parent.chmod(parent.stat().st_mode | 0o011)
        (here / "pooled.py").write_text(POOLED, encoding="utf-8")
        pooler = pgbouncer(here / "pooler", sockets, "postgres", lifetime=0)
        pooler.start()
        try:
            yield {"TEST_DATABASE_URL": url, "POOLER": str(here / "pooler"), "PYTHONPATH": f"{here}:."}
        finally:
            pooler.stop()


def test_service_passes_tests_behind_transaction_pooler(drillable: None, serve: Callable[[Answers], Service]) -> None:
    _ = drillable
    service = serve(ANSWERS | {"auth": "local"})
    tests = [f"tests/{module}.py" for module in MODULES]
    # Migrations bypass the pooler here, and it stands in for a server that is missing, or that refuses connections.
    omitted = ("require_direct_url", "unavailable_database_server", "check_connects_to_server", "too_many_connections")
    selection = ["-m", "not drill", "-k", " and ".join(f"not {name}" for name in omitted)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pooled", *selection, *tests]
    with pooled(service) as variables:
        run = subprocess.run(
            command, cwd=service.directory, env=environment() | variables, capture_output=True, text=True, check=False
        )
    assert run.returncode == 0, run.stdout
