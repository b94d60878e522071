"""A pytest plugin that the harness copies into a service: runs chosen tests in order, and records every outcome.

A test that fails is run again at once: a busy machine fails a test once, a mutant twice. With `cover`, the lines of
`app/` are recorded by the test that reached them, or by the fixture, for what is set up once for many tests.
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
TIMEOUT = 75  # the exit code of a run that a test did not let end
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
    """Coverage of this process and of those that tests start, by the test or the fixture that runs, if it is wanted."""

    def __init__(self) -> None:
        self.name = ""
        self.coverage: Any = None
        if COVERS:
            import coverage  # noqa: PLC0415 - not needed by a run that does not cover

            config = ROOT / "mutants.ini"
            config.write_text(CONFIG.format(root=ROOT), encoding="utf-8")
            self.coverage = coverage.Coverage(config_file=str(config))
            self.coverage.start()
            os.environ["COVERAGE_PROCESS_START"] = str(config)  # read by what tests start

    @contextmanager
    def named(self, name: str) -> Iterator[None]:
        before = self.name
        self.switch(name)
        try:
            yield
        finally:
            self.switch(before)

    def switch(self, name: str) -> None:
        self.name = name
        if self.coverage:
            self.coverage.switch_context(name)

    def stop(self) -> None:
        if self.coverage:
            self.coverage.stop()
            self.coverage.save()


RECORDER = Recorder()


def shared(item: pytest.Item) -> list[str]:
    """Name the fixtures of a test that others may share."""
    definitions = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}  # noqa: SLF001
    return [name for name, found in definitions.items() if found[-1].scope != "function"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if COVERS:
        for item in items:
            record(collected=item.nodeid, shared=shared(item))
    else:
        places = {name: place for place, name in enumerate(PLAN["tests"])}
        items[:] = sorted((item for item in items if item.nodeid in places), key=lambda item: places[item.nodeid])
    record(selected=len(items))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        record(uncollected=report.nodeid)


def give_up(name: str) -> None:
    record(test=name, outcome="timeout")
    os._exit(TIMEOUT)


def attempt(item: pytest.Item, nextitem: pytest.Item | None) -> tuple[list[pytest.TestReport], float]:
    """Run a test, and give up on all of them if it does not end."""
    watch = threading.Timer(PLAN["patience"].get(item.nodeid, PLAN["patience"][""]), give_up, [item.nodeid])
    watch.daemon = True
    watch.start()
    begun = time.perf_counter()
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    watch.cancel()
    return reports, time.perf_counter() - begun


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    with RECORDER.named(item.nodeid):
        reports, seconds = attempt(item, nextitem)
        failed_first = any(report.failed for report in reports)
        if failed_first:
            reports, _ = attempt(item, nextitem)
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


def name_while(fixture: FixtureDef[Any]) -> str:
    """Name what runs while a fixture is set up or torn down."""
    return RECORDER.name if fixture.scope == "function" else f"@{fixture.argname}"


if COVERS:
    finish = FixtureDef.finish

    def finish_named(self: FixtureDef[Any], request: Any) -> None:  # noqa: ANN401 - pytest's own
        with RECORDER.named(name_while(self)):
            finish(self, request)

    FixtureDef.finish = finish_named  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(fixturedef: FixtureDef[Any]) -> Iterator[None]:
        with RECORDER.named(name_while(fixturedef)):
            return (yield)
