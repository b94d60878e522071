"""A test of the emitted service detects each break of a promise: those of `harness/promises`.

A break of `app/` is judged in a fork of a warm process, on a database of its own on one server. What else a service
holds starts and fills databases, or is part of the tests: a break of that could be hidden by what forks share, so it
is judged cold, in a new process that starts servers of its own. So are drills, which start processes themselves.

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

LONGEST = 120  # seconds
LONGEST_OF_ALL = 900  # seconds, for all tests of a service one after the other
TAIL = 60  # lines
# Each test has databases of its own; but what keeps counts in a Valkey apart is itself broken now and then.
SHARED = ("postgresql",)


@dataclass(frozen=True)
class Case:
    """A break of the service that has one of the databases."""

    broken: Break
    database: str

    @property
    def answers(self) -> Answers:
        return {"database": self.database, **self.broken.answers}

    @property
    def cold(self) -> bool:
        """Say whether what forks share could hide the break."""
        return self.broken.drill or not self.broken.path.startswith("app/")

    @property
    def check(self) -> Check:
        return contracts([self.broken.test], cold=self.cold)

    def of(self, service: Service) -> Service:
        """Break the one file of a service that the break is about."""
        with TemporaryDirectory() as name:
            directory = Path(name)
            write({path: file for path, file in service.files.items() if path == self.broken.path}, directory)
            (directory / self.broken.path).parent.mkdir(parents=True, exist_ok=True)
            self.broken.apply(directory)
            return replace(service, files=service.files | tree(directory))

    def __str__(self) -> str:
        asked = self.broken.answers
        chosen = "-".join([self.database, *filter(None, [asked.get("auth")]), *asked.get("features", [])])
        return f"{'drill, ' * self.broken.drill}{chosen}: {self.broken.name}"


@dataclass(frozen=True)
class Whole:
    """A service that nobody broke, and all tests that see breaks of it, either the cold ones or the others."""

    answers: Answers
    cold: bool

    @property
    def cases(self) -> list[Case]:
        return [case for case in CASES if (case.answers, case.cold) == (self.answers, self.cold)]

    @property
    def check(self) -> Check:
        tests = {case.broken.test for case in self.cases}
        return contracts(sorted(tests), cold=self.cold, longest=LONGEST_OF_ALL)

    def of(self, service: Service) -> Service:
        return service

    def __str__(self) -> str:
        return f"{'cold, ' * self.cold}{all_questions().label(all_questions().default | self.answers)}"


def contracts(tests: list[str], *, cold: bool, longest: float = LONGEST) -> Check:
    """Run tests of a service, and stop at the first that fails."""
    command = shlex.join(["pytest", "-q", "-x", *(f"tests/{test}" for test in tests)])
    return Check("contracts", command, LEAN, ALONE, cold=cold, asks_servers=not cold, patience=longest)


CASES = [Case(broken, database) for broken in BREAKS for database in broken.databases]
WHOLE = {str(whole): whole for whole in (Whole(case.answers, case.cold) for case in CASES)}


def told(result: CheckResult) -> str:
    return "\n".join(result.output.splitlines()[-TAIL:])


def failed(result: CheckResult, test: str) -> bool:
    """Say whether the test itself failed: neither what it needs, nor pytest, nor nothing."""
    named = re.search(rf"^FAILED tests/{re.escape(test)}(\[| |$)", result.output, re.MULTILINE)
    return result.code == pytest.ExitCode.TESTS_FAILED and named is not None


@pytest.fixture(scope="module")
def judge(
    request: pytest.FixtureRequest,
    workspace: Path,
    serve: Callable[[Answers], Service],
    show: Callable[[str], Meter],
) -> Iterator[Callable[[Case | Whole], CheckResult]]:
    """Begin all that is asked for at once, the slowest first; nothing is remembered from one run to the next."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    cases = [case for item in items if isinstance(case := item.callspec.params.get("case"), Case | Whole)]
    meter = show("Breaking services")
    memory = ResultCache(workspace / "contracts" / "memory")
    with closing(Servers(SHARED)) as servers, closing(CheckRunner(workspace / "contracts", memory, servers)) as runner:
        forked = [serve(case.answers) for case in cases if not case.cold]
        runner.like = list({service.label: service for service in forked}.values())
        for case in sorted(cases, key=lambda case: (-case.check.patience, not case.cold)):
            with suppress(AssertionError):  # of a break that finds no place; its own test tells it
                runner.begin(case.of(serve(case.answers)), case.check)

        def result(case: Case | Whole) -> CheckResult:
            return runner.of(case.of(serve(case.answers)), case.check, meter)

        yield result


@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_seen(case: Case, judge: Callable[[Case], CheckResult]) -> None:
    result = judge(case)
    if not failed(result, case.broken.test):
        pytest.fail(f"{case.broken.test} does not fail.\n\n{told(result)}", pytrace=False)
    assert case.broken.says in result.output, told(result)


@pytest.mark.parametrize("case", WHOLE.values(), ids=str)
def test_the_whole_service_passes(case: Whole, judge: Callable[[Whole], CheckResult]) -> None:
    result = judge(case)
    assert result.passed, told(result)


def test_names_differ() -> None:
    names = [broken.name for broken in BREAKS]
    assert sorted(names) == sorted(set(names))


def test_a_break_that_breaks_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("twice, twice", encoding="utf-8")
    for old, words in {"twice": "2 times", "never": "0 times", "": "is there already"}.items():
        with pytest.raises(AssertionError, match=words):
            Break("It breaks nothing.", "file.py", old, "", "test.py::test").apply(tmp_path)
