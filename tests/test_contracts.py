"""Every contract test of the emitted service can fail: each of `harness/breaks.py` turns the test that it names red.

Run them by name: `uv run pytest tests/test_contracts.py`; with `-k "not drill"`, without the slow rehearsals.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.harness.breaks import BREAKS, Break
from tests.harness.command_line import run_to_its_end
from tests.harness.questions import all_questions
from tests.harness.verdicts import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from tests.harness.command_line import Run
    from tests.harness.questions import Answers
    from tests.harness.services import Service

LONGEST = 120  # seconds
LONGEST_OF_ALL = 900  # seconds, for all tests of a service one after the other
TAIL = 60  # lines
# The other plugins bring nothing to one test but the seconds that they take to load.
LEAN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin"]


@dataclass(frozen=True)
class Case:
    """A break of the service that has one of the databases."""

    broken: Break
    database: str

    @property
    def answers(self) -> Answers:
        return {"database": self.database, **self.broken.answers}

    def __str__(self) -> str:
        asked = self.broken.answers
        chosen = "-".join([self.database, *filter(None, [asked.get("auth")]), *asked.get("features", [])])
        return f"{'drill, ' * self.broken.drill}{chosen}: {self.broken.name}"


CASES = [Case(broken, database) for broken in BREAKS for database in broken.databases]
WHOLE = {all_questions().label(all_questions().default | case.answers): case.answers for case in CASES}


def run(directory: Path, tests: Iterable[str], longest: float = LONGEST) -> Run:
    """Run tests of the service in `directory`, and stop at the first that fails."""
    command = [*PYTEST, *(f"tests/{test}" for test in tests)]
    return run_to_its_end(command, directory, environment() | LEAN, longest)


def told(outcome: Run) -> str:
    return "\n".join(outcome.stdout.splitlines()[-TAIL:])


def failed(outcome: Run, test: str) -> bool:
    """Say whether the test itself failed: neither what it needs, nor pytest, nor nothing."""
    named = re.search(rf"^FAILED tests/{re.escape(test)}(\[| |$)", outcome.stdout, re.MULTILINE)
    return outcome.returncode == pytest.ExitCode.TESTS_FAILED and named is not None


class Bench:
    """Copies of services, broken or whole, and how their tests end; as many at a time as there are processors."""

    def __init__(self, directory: Path, serve: Callable[[Answers], Service], executor: ThreadPoolExecutor) -> None:
        self.directory = directory
        self.serve = serve
        self.executor = executor
        self.begun: dict[Case, Future[Run]] = {}

    def begin(self, case: Case) -> Future[Run]:
        if case not in self.begun:
            service = self.serve(case.answers)
            self.begun[case] = self.executor.submit(self.find, service, case.broken)
        return self.begun[case]

    def find(self, service: Service, broken: Break) -> Run:
        directory = self.directory / f"{service.label} {BREAKS.index(broken)}"
        shutil.copytree(service.directory, directory)
        broken.apply(directory)
        outcome = run(directory, [broken.test])
        shutil.rmtree(directory)
        return outcome


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, workspace: Path, serve: Callable[[Answers], Service]) -> Iterator[Bench]:
    """Begin all that is asked for at once, the slowest first."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    cases = [case for item in items if isinstance(case := item.callspec.params.get("case"), Case)]
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        bench = Bench(workspace / "broken", serve, executor)
        for case in sorted(cases, key=lambda case: not case.broken.drill):
            bench.begin(case)
        yield bench
        executor.shutdown(cancel_futures=True)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_is_seen(case: Case, bench: Bench) -> None:
    outcome = bench.begin(case).result()
    if not failed(outcome, case.broken.test):
        pytest.fail(f"{case.broken.test} does not fail.\n\n{told(outcome)}", pytrace=False)


@pytest.mark.parametrize("answers", WHOLE.values(), ids=WHOLE)
def test_the_whole_service_passes(answers: Answers, workspace: Path, serve: Callable[[Answers], Service]) -> None:
    service = serve(answers)
    directory = workspace / "whole" / service.label
    shutil.copytree(service.directory, directory)
    tests = sorted({case.broken.test for case in CASES if case.answers == answers})
    outcome = run(directory, tests, longest=LONGEST_OF_ALL)
    assert outcome.returncode == pytest.ExitCode.OK, told(outcome)


def test_names_differ() -> None:
    names = [broken.name for broken in BREAKS]
    assert sorted(names) == sorted(set(names))


def test_a_break_that_breaks_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("twice, twice", encoding="utf-8")
    for old, words in {"twice": "2 times", "never": "0 times", "": "is there already"}.items():
        with pytest.raises(AssertionError, match=words):
            Break("It breaks nothing.", "file.py", old, "", "test.py::test").apply(tmp_path)
