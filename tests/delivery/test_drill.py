"""Things go wrong with a production while callers call, and the service keeps what it promises."""

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
from drills.load import KINDS, PROPER, How
from drills.machines import bouncer, missing, place
from drills.production import ANSWERS
from tests.harness.checks.runner import environment
from tests.harness.checks.servers import running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drills.report import Drill, Phase
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

ROLLOUT, KILLED, MIGRATIONS, VALKEY = "rollout, SIGTERM", "a replica killed", "three migrations", "Valkey killed"
OUTAGES = ("PostgreSQL killed", "PgBouncer killed", "the pooler full", "the network cut")
FAULTS = (ROLLOUT, KILLED, "a worker killed", MIGRATIONS, VALKEY, *OUTAGES)
LONGEST = 25.0  # seconds: a place in the pool (5), a connection (5), a statement (10), and the end of a connection (2)
SOON = 15.0  # seconds; about one is usual
MODULES = ("database", "jobs_worker", "login", "migrations", "postgresql", "transactions")
# Has all that a service asks, but for migrations, go through a pooler, and the service know of it.
POOLED = """
import os
from app import postgresql

create_engine = postgresql.create_engine
for_migrations = postgresql.DatabaseSettings.for_migrations
postgresql.DatabaseSettings.for_migrations = lambda given: for_migrations(
    given.model_copy(update={"direct_url": given.direct_url or given.url})
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
def able(pytestconfig: pytest.Config) -> None:
    """Skip where nothing can be drilled, or fail, where `--drill` asks for it."""
    if lacking := missing():
        (pytest.fail if pytestconfig.option.drill else pytest.skip)(f"A drill needs {lacking}.")


@pytest.fixture(scope="module")
def drilled(able: None, serve: Callable[[Answers], Service]) -> Drill:
    """What came of a drill; it takes two minutes, and few callers call."""
    _ = able
    return asyncio.run(drill(serve(ANSWERS).directory, FAULTS, away=2, pause=0.2, quiet=2))


@pytest.fixture(scope="module")
def phases(drilled: Drill) -> dict[str, Phase]:
    return {phase.name: phase for phase in drilled.phases}


def test_nothing_that_was_acknowledged_is_lost(drilled: Drill) -> None:
    assert drilled.load.made("write")
    assert drilled.load.made("ask")
    assert drilled.lost == set()


def test_no_job_is_done_twice(drilled: Drill) -> None:
    assert drilled.twice == set()


@pytest.mark.parametrize("name", [ROLLOUT, "a worker killed", MIGRATIONS, VALKEY])
def test_callers_do_not_notice(phases: dict[str, Phase], name: str) -> None:
    assert phases[name].calls
    assert phases[name].failed == []


def test_a_replica_that_is_killed_fails_no_more_than_it_was_at(phases: dict[str, Phase]) -> None:
    failed = phases[KILLED].failed
    assert len(failed) <= sum(KINDS.values())
    assert {call.how for call in failed} <= {How.BROKEN, How.UNSERVED}


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_is_told_in_time_and_ends_by_itself(phases: dict[str, Phase], name: str) -> None:
    failed = phases[name].failed
    assert failed
    assert {call.how for call in failed} <= PROPER
    assert max(call.seconds for call in phases[name].calls) < LONGEST
    assert phases[name].recovery < SOON


@contextmanager
def pooled(service: Service) -> Iterator[dict[str, str]]:
    """Run a PgBouncer that uses each connection for one transaction, and name what leads to it, and past it."""
    with place() as found, running_server("postgresql", service) as url:
        here, sockets = Path(found), Path(parse_qs(urlsplit(url).query)["host"][0])
        for directory in (sockets, sockets.parent):
            directory.chmod(directory.stat().st_mode | 0o011)
        (here / "pooled.py").write_text(POOLED, encoding="utf-8")
        pooler = bouncer(here / "pooler", sockets, "postgres", lifetime=0)
        pooler.start()
        try:
            yield {"TEST_DATABASE_URL": url, "POOLER": str(here / "pooler"), "PYTHONPATH": f"{here}:."}
        finally:
            pooler.end()


def test_a_service_works_behind_a_pooler_that_lends_connections_for_a_transaction(
    able: None, serve: Callable[[Answers], Service]
) -> None:
    _ = able
    service = serve(ANSWERS | {"auth": "local"})
    tests = [f"tests/test_{module}.py" for module in MODULES]
    chosen = ["-m", "not drill", "-k", "not would_go_through_the_pooler"]  # here, all that migrates goes past it
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pooled", *chosen, *tests]
    with pooled(service) as variables:
        run = subprocess.run(
            command, cwd=service.directory, env=environment() | variables, capture_output=True, text=True, check=False
        )
    assert run.returncode == 0, run.stdout
