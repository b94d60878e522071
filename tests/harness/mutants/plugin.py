"""A pytest plugin, copied into a service, that runs selected tests in order and records their outcomes.

A failed test is run again at once: a busy machine fails a test once, a mutant twice. With `cover`, the lines of `app/`
are recorded by test, or by fixture if several tests share it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path.cwd()
PLAN: dict[str, Any] = json.loads((ROOT / "tests" / "mutants.json").read_text(encoding="utf-8"))
COVERS = bool(PLAN.get("cover"))
RESULTS = ROOT / "mutants_results.jsonl"
TIMEOUT_EXIT_CODE = 75  # of a run that a hanging test prevented from ending
CONFIG = """\
[run]
data_file = {root}/mutants.coverage
parallel = true
include = */app/*
omit = */site-packages/*
concurrency = greenlet, thread
context = ${{PYTEST_CURRENT_TEST-}}
"""


def record(**result: object) -> None:
    with RESULTS.open("a", encoding="utf-8") as results:
        results.write(json.dumps(result) + "\n")


class Recorder:
    """Record line coverage of this process and its subprocesses for each test or shared fixture."""

    def __init__(self) -> None:
        self.name = ""
        self.coverage: Any = None
        if COVERS:
            import coverage  # noqa: PLC0415 - not required without `cover`

            config = ROOT / "mutants.ini"
            config.write_text(CONFIG.format(root=ROOT), encoding="utf-8")
            self.coverage = coverage.Coverage(config_file=str(config))
            self.coverage.start()
            os.environ["COVERAGE_PROCESS_START"] = str(config)  # read by subprocesses of tests

    @contextmanager
    def context(self, name: str) -> Iterator[None]:
        outer = self.name
        self.switch(name)
        try:
            yield
        finally:
            self.switch(outer)

    def switch(self, name: str) -> None:
        self.name = name
        if self.coverage:
            self.coverage.switch_context(name)

    def stop(self) -> None:
        if self.coverage:
            self.coverage.stop()
            self.coverage.save()


RECORDER = Recorder()


def shared_fixtures(item: pytest.Item) -> list[str]:
    """Return the names of a test's fixtures that other tests may share."""
    definitions = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}  # noqa: SLF001
    return [name for name, overrides in definitions.items() if overrides[-1].scope != "function"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if COVERS:
        for item in items:
            record(collected=item.nodeid, shared=shared_fixtures(item))
    else:
        order = {name: index for index, name in enumerate(PLAN["tests"])}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])
    record(selected=len(items))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        record(uncollected=report.nodeid)


def abort(name: str) -> None:
    record(test=name, outcome="timeout")
    os._exit(TIMEOUT_EXIT_CODE)


def run_with_timeout(item: pytest.Item, nextitem: pytest.Item | None) -> tuple[list[pytest.TestReport], float]:
    """Run a test, and return its reports and its duration in seconds.

    A timeout ends the whole run.
    """
    timer = threading.Timer(PLAN["timeouts"].get(item.nodeid, PLAN["timeouts"][""]), abort, [item.nodeid])
    timer.daemon = True
    timer.start()
    started = time.perf_counter()
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    timer.cancel()
    return reports, time.perf_counter() - started


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    with RECORDER.context(item.nodeid):
        reports, seconds = run_with_timeout(item, nextitem)
        failed_first = any(report.failed for report in reports)
        if failed_first:
            reports, _ = run_with_timeout(item, nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    failed = any(report.failed for report in reports)
    record(
        test=item.nodeid,
        outcome="failed" if failed else "unstable" if failed_first else "passed",
        seconds=seconds,
    )
    return True


def pytest_sessionfinish() -> None:
    RECORDER.stop()


def context_name(fixture: FixtureDef[Any]) -> str:
    """Return the name under which coverage records a fixture's setup and teardown."""
    return RECORDER.name if fixture.scope == "function" else f"@{fixture.argname}"


if COVERS:
    finish = FixtureDef.finish

    def finish_in_context(self: FixtureDef[Any], request: Any) -> None:  # noqa: ANN401 - pytest's own
        with RECORDER.context(context_name(self)):
            finish(self, request)

    FixtureDef.finish = finish_in_context  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(fixturedef: FixtureDef[Any]) -> Iterator[None]:
        with RECORDER.context(context_name(fixturedef)):
            return (yield)
