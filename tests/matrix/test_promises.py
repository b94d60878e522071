"""A test of the rendered service detects each deliberate fault in `harness/promises`.

A break of `app/` is tested in a fork of a warm process, with its own database on a shared server. Other breaks concern
the start of servers, migrations or the tests themselves, and could be hidden by what forks share: they are tested
cold, in a new process that starts its own servers. So are drills, which start processes themselves.

Run them by name: `uv run pytest tests/matrix/test_promises.py`; with `-k "not drill"`, without the slow rehearsals.
"""

from __future__ import annotations

import re
import shlex
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks.checks import ALONE, LEAN, Check
from tests.harness.checks.runner import CheckRunner, ResultCache
from tests.harness.checks.servers import Servers
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import tree
from tests.harness.combinations.services import write
from tests.harness.promises import BREAKS, Break

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.checks.progress import Meter
    from tests.harness.checks.runner import CheckResult
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

TIMEOUT = 400  # seconds: a broken service lets a test and its clean-up wait for their deadlines
SUITE_TIMEOUT = 900  # seconds, for all tests of a service
TAIL = 60  # lines
# Each test has its own databases; Valkey is not shared, because breaks affect how its keys are separated.
SHARED = ("postgresql",)


@dataclass(frozen=True)
class Case:
    """A deliberate fault, applied to the service with one of the databases."""

    broken: Break
    database: str

    @property
    def answers(self) -> Answers:
        return {"database": self.database, **self.broken.answers}

    @property
    def cold(self) -> bool:
        """Return whether state that forks share could hide the fault."""
        return self.broken.drill or not self.broken.path.startswith("app/")

    @property
    def check(self) -> Check:
        return suite_check([self.broken.test], cold=self.cold)

    def of(self, service: Service) -> Service:
        """Return a copy of a service with the fault applied."""
        with TemporaryDirectory() as name:
            directory = Path(name)
            write({path: file for path, file in service.files.items() if path == self.broken.path}, directory)
            (directory / self.broken.path).parent.mkdir(parents=True, exist_ok=True)
            self.broken.apply(directory)
            return replace(service, files=service.files | tree(directory))

    def __str__(self) -> str:
        answers = self.broken.answers
        service = "-".join([self.database, *filter(None, [answers.get("auth")]), *answers.get("features", [])])
        return f"{'drill, ' * self.broken.drill}{service}: {self.broken.name}"


@dataclass(frozen=True)
class Unbroken:
    """A service without faults, and the tests that must pass on it."""

    answers: Answers
    cold: bool

    @property
    def cases(self) -> list[Case]:
        return [case for case in CASES if (case.answers, case.cold) == (self.answers, self.cold)]

    @property
    def check(self) -> Check:
        tests = {case.broken.test for case in self.cases}
        return suite_check(sorted(tests), cold=self.cold, timeout=SUITE_TIMEOUT)

    def of(self, service: Service) -> Service:
        return service

    def __str__(self) -> str:
        return f"{'cold, ' * self.cold}{all_questions().label(all_questions().default | self.answers)}"


def suite_check(tests: list[str], *, cold: bool, timeout: float = TIMEOUT) -> Check:
    """Return a check that runs tests of a service and stops at the first failure."""
    command = shlex.join(["pytest", "-q", "-x", *(f"tests/{test}" for test in tests)])
    return Check("contracts", command, LEAN, ALONE, cold=cold, needs_servers=not cold, timeout=timeout)


CASES = [Case(broken, database) for broken in BREAKS for database in broken.databases]
UNBROKEN = {str(whole): whole for whole in (Unbroken(case.answers, case.cold) for case in CASES)}


def output_tail(result: CheckResult) -> str:
    return "\n".join(result.output.splitlines()[-TAIL:])


def failed(result: CheckResult, test: str) -> bool:
    """Return whether the test itself failed, as opposed to a fixture or pytest."""
    failure = re.search(rf"^FAILED tests/{re.escape(test)}(\[| |$)", result.output, re.MULTILINE)
    return result.code == pytest.ExitCode.TESTS_FAILED and failure is not None


@pytest.fixture(scope="module")
def run_case(
    request: pytest.FixtureRequest,
    workspace: Path,
    serve: Callable[[Answers], Service],
    show: Callable[[str], Meter],
) -> Iterator[Callable[[Case | Unbroken], CheckResult]]:
    """Yield a function that returns a case's result; all selected cases run concurrently, slowest first."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    cases = [case for item in items if isinstance(case := item.callspec.params.get("case"), Case | Unbroken)]
    meter = show("Breaking services")
    cache = ResultCache(workspace / "contracts" / "cache")
    with closing(Servers(SHARED)) as servers, closing(CheckRunner(workspace / "contracts", cache, servers)) as runner:
        forked = [serve(case.answers) for case in cases if not case.cold]
        runner.warm_services = list({service.label: service for service in forked}.values())
        for case in sorted(cases, key=lambda case: (-case.check.timeout, not case.cold)):
            with suppress(AssertionError):  # the break matches no code: its own test reports it
                runner.submit(case.of(serve(case.answers)), case.check)

        def result(case: Case | Unbroken) -> CheckResult:
            return runner.result(case.of(serve(case.answers)), case.check, meter)

        yield result


@pytest.mark.weekly
@pytest.mark.parametrize("case", CASES, ids=str)
def test_fault_fails_named_test(case: Case, run_case: Callable[[Case], CheckResult]) -> None:
    result = run_case(case)
    if not failed(result, case.broken.test):
        pytest.fail(f"{case.broken.test} does not fail.\n\n{output_tail(result)}", pytrace=False)
    assert case.broken.says in result.output, output_tail(result)


@pytest.mark.weekly
@pytest.mark.parametrize("case", UNBROKEN.values(), ids=str)
def test_service_without_fault_passes_named_tests(case: Unbroken, run_case: Callable[[Unbroken], CheckResult]) -> None:
    result = run_case(case)
    assert result.passed, output_tail(result)


def test_fault_names_are_unique() -> None:
    names = [broken.name for broken in BREAKS]
    assert sorted(names) == sorted(set(names))


def test_fault_that_matches_no_code_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("twice, twice", encoding="utf-8")
    for old, words in {"twice": "2 occurrences", "never": "0 occurrences", "": "exists already"}.items():
        with pytest.raises(AssertionError, match=words):
            Break("It breaks nothing.", "file.py", old, "", "test.py::test").apply(tmp_path)
