"""Run tests on mutated copies of services in forks of a preloaded process."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.checks.checks import ALONE, LEAN, Check
from tests.harness.checks.runner import FORKS, CheckRunner
from tests.harness.combinations.rendering import File
from tests.harness.mutants.coverage_map import PLUGIN, Cache, CoverageMap, read_modules, read_records, test_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.services import Service
    from tests.harness.mutants.mutation import Mutant

MAX_COPIES = FORKS + 1  # that exist at a time
BATCH = 12  # test modules of one run under coverage
MAX_TESTS = 500  # run against one mutant, those most likely to kill it first
TIMEOUT = 45  # seconds of a test, in addition to SLOWDOWN times its duration under coverage
SLOWDOWN = 20  # factor on a busy machine
RUN_TIMEOUT = 1800  # seconds of all tests of a run
COVERED_CODES = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
CONFTEST_ERROR = "ImportError while loading conftest"
INVALID_CODES = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)


class MutantRunner(CheckRunner):
    """Run checks on copies of services, and delete each copy once its outcome is read."""

    def run_each(
        self, jobs: Iterable[tuple[Any, Service, Check]], meter: Meter, number: int
    ) -> Iterator[tuple[Any, PytestRun]]:
        """Yield each job's completed run, then delete the job's copy of the service."""
        waiting, running = iter(jobs), dict[str, tuple[Any, Any]]()
        done = 0
        with meter.shown():
            while True:
                for job, service, check in islice(waiting, MAX_COPIES - len(running)):
                    running[self.submit(service, check)] = job, service
                if not running:
                    return
                time.sleep(0.05)
                self.poll()
                for name in running.keys() & self.results.keys():
                    job, service = running.pop(name)
                    yield job, self.pytest_run(name, service)
                    shutil.rmtree(self.copy(service))
                    done += 1
                meter.show(done, number)

    def pytest_run(self, name: str, service: Service) -> PytestRun:
        result = self.results[name]
        return PytestRun(result.code, result.output, self.copy(service), result.usage.cpu)


@dataclass(frozen=True)
class PytestRun:
    """A completed pytest run, whose directory exists until the next run is requested."""

    code: int
    output: str
    directory: Path
    cpu: float  # seconds


@dataclass(frozen=True)
class Trial:
    """A mutant of one service, and the tests to run on it."""

    mutant: Mutant
    service: Service
    tests: Sequence[str]


@dataclass(frozen=True)
class Result:
    """The outcome of a trial; `cause` is empty if the mutant survived."""

    trial: Trial
    cause: str = ""  # `failed`, `timeout`, `import`, or `exit` with the code
    test: str = ""
    unstable: tuple[str, ...] = ()
    cpu: float = 0.0  # seconds

    @property
    def killed(self) -> bool:
        return bool(self.cause)


def with_plan(service: Service, plan: dict[str, Any], mutant: Mutant | None = None) -> Service:
    """Return a copy of a service with the pytest plugin, its test plan and the mutated module.

    Without a mutant, no module is changed.
    """
    added = {
        "mutants_plugin.py": File(PLUGIN.read_bytes(), executable=False),
        "tests/mutants.json": File(json.dumps(plan).encode(), executable=False),
    }
    if mutant:
        added[mutant.path] = File(mutant.mutated, executable=False)
    return replace(service, files=service.files | added)


def check(modules: Iterable[str], *, exhaustive: bool) -> Check:
    command = " ".join(["pytest", "-q", "-m", "'not drill'", *([] if exhaustive else ["-x"]), *modules])
    options = (*LEAN, "-p", "mutants_plugin")
    return Check("mutants", command, options, ALONE, needs_servers=True, timeout=RUN_TIMEOUT)


def modules_of(tests: Iterable[str]) -> list[str]:
    return sorted({name.partition("::")[0] for name in tests})


def timeouts(tests: Sequence[str], coverage: CoverageMap) -> dict[str, float]:
    return {"": TIMEOUT} | {name: TIMEOUT + SLOWDOWN * coverage.tests[name]["seconds"] for name in tests}


def make_maps(services: Sequence[Service], cache: Cache, runner: MutantRunner, meter: Meter) -> dict[str, CoverageMap]:
    """Return the coverage map of each service, after measuring the test modules that are not cached."""
    modules = {service.label: cache.get_all(service) for service in services}
    jobs = [
        (
            (service, batch),
            with_plan(service, {"cover": batch, "timeouts": {"": RUN_TIMEOUT}}),
            check(batch, exhaustive=True),
        )
        for service in services
        for batch in batches([name for name in test_modules(service) if name not in modules[service.label]])
    ]
    for (service, batch), run in runner.run_each(jobs, meter, len(jobs)):
        assert run.code in COVERED_CODES, f"coverage of {service.label} ended with {run.code}: {run.output}"
        for name, module in read_modules(run.directory, batch).items():
            modules[service.label][name] = module
            if module.passed:
                cache.put(service, name, module)
    return {service.label: CoverageMap(service, modules[service.label]) for service in services}


def batches(modules: Sequence[str]) -> list[Sequence[str]]:
    number = -(-len(modules) // BATCH)
    return [modules[index::number] for index in range(number)]


def trials(sample: Iterable[tuple[Service, Mutant]], maps: dict[str, CoverageMap]) -> list[Trial]:
    return [Trial(mutant, service, maps[service.label].reaching(mutant)[:MAX_TESTS]) for service, mutant in sample]


def job(trial: Trial, coverage: CoverageMap) -> tuple[Trial, Service, Check]:
    plan = {"tests": trial.tests, "timeouts": timeouts(trial.tests, coverage)}
    service = with_plan(trial.service, plan, trial.mutant)
    return trial, service, check(modules_of(trial.tests), exhaustive=False)


def result_of(trial: Trial, run: PytestRun) -> Result:
    records = read_records(run.directory)
    unstable = tuple(each["test"] for each in records if each.get("outcome") == "unstable")
    return Result(trial, *killed_by(trial, run, records), unstable, run.cpu)


def killed_by(trial: Trial, run: PytestRun, records: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Return the cause of a mutant's death and the test that failed, both empty if it survived."""
    for each in records:
        if each.get("outcome") in {"failed", "timeout"}:
            return each["outcome"], each["test"]
        if "uncollected" in each:
            return "import", each["uncollected"]
    if CONFTEST_ERROR in run.output:
        return "import", ""
    assert run.code not in INVALID_CODES or records, f"{trial.mutant}: pytest ended with {run.code}: {run.output}"
    selected = sum(each.get("selected", 0) for each in records)  # a mutant may remove a parameter of a test
    survived = run.code in {0, pytest.ExitCode.NO_TESTS_COLLECTED} and selected == sum(
        "test" in each for each in records
    )
    return "" if survived else f"exit {run.code}", ""


def run_trials(
    selected: Sequence[Trial], maps: dict[str, CoverageMap], runner: MutantRunner, meter: Meter
) -> list[Result]:
    """Run each mutant's tests, and return the results in the order of the trials.

    A mutant that no test reaches survives without a run.
    """
    reached = [trial for trial in selected if trial.tests]
    jobs = (job(trial, maps[trial.service.label]) for trial in reached)
    results = {id(trial): result_of(trial, run) for trial, run in runner.run_each(jobs, meter, len(reached))}
    return [results.get(id(trial), Result(trial)) for trial in selected]


def failing_unmutated(
    results: Sequence[Result], maps: dict[str, CoverageMap], runner: MutantRunner, meter: Meter
) -> dict[str, set[str]]:
    """Run the tests that killed mutants on unmutated services, and return those that fail there, too."""
    killing: dict[str, set[str]] = {}
    for result in results:
        if result.cause in {"failed", "timeout"}:
            killing.setdefault(result.trial.service.label, set()).add(result.test)
    jobs = []
    for label, tests in killing.items():
        plan = {"tests": sorted(tests), "timeouts": timeouts(sorted(tests), maps[label])}
        jobs.append((label, with_plan(maps[label].service, plan), check(modules_of(tests), exhaustive=True)))
    return {
        label: {each["test"] for each in read_records(run.directory) if each.get("outcome") in {"failed", "timeout"}}
        for label, run in runner.run_each(jobs, meter, len(jobs))
    }


def run_controlled(
    selected: Sequence[Trial], maps: dict[str, CoverageMap], runner: MutantRunner, show: Callable[[str], Meter]
) -> tuple[list[Result], dict[str, set[str]]]:
    """Run all mutants, and repeat those whose killing test also fails without the mutant.

    The second run omits that test. Return the results, and the tests that fail without a mutant by service.
    """
    first = run_trials(selected, maps, runner, show("Mutants"))
    failing = failing_unmutated(first, maps, runner, show("Control"))
    repeated = [
        replace(
            result.trial, tests=[name for name in result.trial.tests if name not in failing[result.trial.service.label]]
        )
        for result in first
        if result.test in failing.get(result.trial.service.label, set())
    ]
    second = {
        str(result.trial.mutant.key): result for result in run_trials(repeated, maps, runner, show("Mutants, repeated"))
    }
    return [second.get(str(result.trial.mutant.key), result) for result in first], failing
