"""Runs tests on mutated copies of services, in forks of a warm process, a few copies at a time."""

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
from tests.harness.mutants.coverage_map import PLUGIN, Cache, CoverageMap, measured, results, test_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.services import Service
    from tests.harness.mutants.mutation import Mutant

IN_FLIGHT = FORKS + 1  # copies that exist at a time
PART = 12  # test modules of one run under coverage
MOST = 500  # tests that are run against one mutant, the likeliest first
PATIENCE = 45  # seconds that a test may take, beside what it took under coverage
SLOWER = 20  # times as long as under coverage, on a busy machine
UNHURRIED = 1800  # seconds for all tests of a run
COVERED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
UNIMPORTABLE = "ImportError while loading conftest"
MISUSED = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)


class MutantRunner(CheckRunner):
    """Runs checks on copies of services that are deleted as soon as they were read."""

    def run_each(
        self, jobs: Iterable[tuple[Any, Service, Check]], meter: Meter, number: int
    ) -> Iterator[tuple[Any, Finished]]:
        """Yield what each job gave, in the order in which they end, and delete its copy."""
        waiting, running = iter(jobs), dict[str, tuple[Any, Any]]()
        done = 0
        with meter.shown():
            while True:
                for job, service, check in islice(waiting, IN_FLIGHT - len(running)):
                    running[self.submit(service, check)] = job, service
                if not running:
                    return
                time.sleep(0.05)
                self.poll()
                for name in running.keys() & self.results.keys():
                    job, service = running.pop(name)
                    yield job, self.finished(name, service)
                    shutil.rmtree(self.copy(service))
                    done += 1
                meter.show(done, number)

    def finished(self, name: str, service: Service) -> Finished:
        result = self.results[name]
        return Finished(result.code, result.output, self.copy(service), result.usage.cpu)


@dataclass(frozen=True)
class Finished:
    """How a run of pytest ended; the directory exists until the next is asked for."""

    code: int
    output: str
    directory: Path
    cpu: float  # seconds


@dataclass(frozen=True)
class Trial:
    """A mutant, and the tests that could notice it."""

    mutant: Mutant
    service: Service
    tests: Sequence[str]


@dataclass(frozen=True)
class Result:
    """What became of a mutant: by what it was killed, or nothing."""

    trial: Trial
    by: str = ""  # the test, or `import`, `timeout`, `exit`
    test: str = ""
    unstable: tuple[str, ...] = ()
    cpu: float = 0.0  # seconds

    @property
    def killed(self) -> bool:
        return bool(self.by)


def with_plan(service: Service, plan: dict[str, Any], mutant: Mutant | None = None) -> Service:
    """Give a service the plugin and what it is to do, and a mutant its file."""
    added = {
        "mutants_plugin.py": File(PLUGIN.read_bytes(), executable=False),
        "tests/mutants.json": File(json.dumps(plan).encode(), executable=False),
    }
    if mutant:
        added[mutant.path] = File(mutant.after, executable=False)
    return replace(service, files=service.files | added)


def check(modules: Iterable[str], *, exhaustive: bool) -> Check:
    command = " ".join(["pytest", "-q", "-m", "'not drill'", *([] if exhaustive else ["-x"]), *modules])
    options = (*LEAN, "-p", "mutants_plugin")
    return Check("mutants", command, options, ALONE, needs_servers=True, timeout=UNHURRIED)


def modules_of(tests: Iterable[str]) -> list[str]:
    return sorted({name.partition("::")[0] for name in tests})


def patience(tests: Sequence[str], known: CoverageMap) -> dict[str, float]:
    return {"": PATIENCE} | {name: PATIENCE + SLOWER * known.tests[name]["seconds"] for name in tests}


def make_maps(services: Sequence[Service], cache: Cache, runner: MutantRunner, meter: Meter) -> dict[str, CoverageMap]:
    """Map every service, by runs under coverage of the test modules that no earlier run has mapped."""
    known = {service.label: cache.recall_all(service) for service in services}
    jobs = [
        (
            (service, part),
            with_plan(service, {"cover": part, "patience": {"": UNHURRIED}}),
            check(part, exhaustive=True),
        )
        for service in services
        for part in parts([module for module in test_modules(service) if module not in known[service.label]])
    ]
    for (service, part), finished in runner.run_each(jobs, meter, len(jobs)):
        assert finished.code in COVERED, f"coverage of {service.label} ended with {finished.code}: {finished.output}"
        for module, found in measured(finished.directory, part).items():
            known[service.label][module] = found
            if found.passed:
                cache.keep(service, module, found)
    return {service.label: CoverageMap(service, known[service.label]) for service in services}


def parts(modules: Sequence[str]) -> list[Sequence[str]]:
    number = -(-len(modules) // PART)
    return [modules[place::number] for place in range(number)]


def trials(drawn: Iterable[tuple[Service, Mutant]], maps: dict[str, CoverageMap]) -> list[Trial]:
    return [Trial(mutant, service, maps[service.label].reaching(mutant)[:MOST]) for service, mutant in drawn]


def job(trial: Trial, known: CoverageMap) -> tuple[Trial, Service, Check]:
    plan = {"tests": trial.tests, "patience": patience(trial.tests, known)}
    service = with_plan(trial.service, plan, trial.mutant)
    return trial, service, check(modules_of(trial.tests), exhaustive=False)


def judge(trial: Trial, finished: Finished) -> Result:
    """Say what became of a mutant, by how pytest ended."""
    told = results(finished.directory)
    unstable = tuple(each["test"] for each in told if each.get("outcome") == "unstable")
    return Result(trial, *ended_by(trial, finished, told), unstable, finished.cpu)


def ended_by(trial: Trial, finished: Finished, told: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Say by what a mutant was killed, and by which test; nothing, if it survived."""
    for each in told:
        if each.get("outcome") in {"failed", "timeout"}:
            return each["outcome"], each["test"]
        if "uncollected" in each:
            return "import", each["uncollected"]
    if UNIMPORTABLE in finished.output:
        return "import", ""
    assert finished.code not in MISUSED or told, f"{trial.mutant}: pytest ended with {finished.code}: {finished.output}"
    selected = sum(each.get("selected", 0) for each in told)  # a mutant may leave out a parameter of a test
    survived = finished.code in {0, pytest.ExitCode.NO_TESTS_COLLECTED} and selected == sum(
        "test" in each for each in told
    )
    return "" if survived else f"exit {finished.code}", ""


def run_trials(
    found: Sequence[Trial], maps: dict[str, CoverageMap], runner: MutantRunner, meter: Meter
) -> list[Result]:
    """Run the tests of every trial; a test that fails without the mutant as well does not count."""
    reached = [trial for trial in found if trial.tests]
    jobs = (job(trial, maps[trial.service.label]) for trial in reached)
    ended = {id(trial): judge(trial, finished) for trial, finished in runner.run_each(jobs, meter, len(reached))}
    return [ended.get(id(trial), Result(trial)) for trial in found]


def control(
    found: Sequence[Result], maps: dict[str, CoverageMap], runner: MutantRunner, meter: Meter
) -> dict[str, set[str]]:
    """Run the tests that killed mutants on the services as they are; name those that fail there, too."""
    killing: dict[str, set[str]] = {}
    for result in found:
        if result.by in {"failed", "timeout"}:
            killing.setdefault(result.trial.service.label, set()).add(result.test)
    jobs = []
    for label, tests in killing.items():
        plan = {"tests": sorted(tests), "patience": patience(sorted(tests), maps[label])}
        jobs.append((label, with_plan(maps[label].service, plan), check(modules_of(tests), exhaustive=True)))
    return {
        label: {each["test"] for each in results(finished.directory) if each.get("outcome") in {"failed", "timeout"}}
        for label, finished in runner.run_each(jobs, meter, len(jobs))
    }


def settle(
    found: Sequence[Trial], maps: dict[str, CoverageMap], runner: MutantRunner, show: Callable[[str], Meter]
) -> tuple[list[Result], dict[str, set[str]]]:
    """Run all trials and the control, and those trials again that only a failing test of the control has ended."""
    first = run_trials(found, maps, runner, show("Mutants"))
    failing = control(first, maps, runner, show("Control"))
    again = [
        replace(
            result.trial, tests=[name for name in result.trial.tests if name not in failing[result.trial.service.label]]
        )
        for result in first
        if result.test in failing.get(result.trial.service.label, set())
    ]
    second = {
        str(result.trial.mutant.key): result for result in run_trials(again, maps, runner, show("Mutants, again"))
    }
    return [second.get(str(result.trial.mutant.key), result) for result in first], failing
