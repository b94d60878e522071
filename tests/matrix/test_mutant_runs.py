"""Run mutants of a minimal service: only a test that fails because of a mutant kills it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.checks.runner import ResultCache
from tests.harness.checks.servers import Servers
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import File
from tests.harness.combinations.services import Service
from tests.harness.mutants import runner as runs
from tests.harness.mutants.coverage_map import Cache
from tests.harness.mutants.runner import MutantRunner, Result, make_maps, run_controlled, trials
from tests.harness.mutants.sample import mutants
from tests.harness.mutants.score import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.checks.progress import Meter

APP = """\
LIMIT = 2
BASE = [0] * LIMIT
BASE[1] = 1


def small(number):
    return number < LIMIT


def wait(number):
    while number > 9:
        number -= 1


def never():
    return LIMIT
"""
TESTS = """\
from pathlib import Path
import pytest
from app.one import small, wait

@pytest.fixture(scope="module")
def shared():
    return small(1)

def test_small(shared):
    assert shared
    assert not small(5)

def test_wait():
    wait(10)

@pytest.mark.parametrize("number", range(small.__globals__["LIMIT"]))
def test_each(number):
    pass

def test_fails_once():
    first = Path("first")
    small(1)
    if not first.exists():
        first.touch()
        assert False

def test_fails_without_plan():
    small(1)
    assert "cover" in Path("tests/mutants.json").read_text()
"""


@pytest.fixture(scope="module")
def minimal(tmp_path_factory: pytest.TempPathFactory) -> Service:
    files = {"app/__init__.py": "", "app/one.py": APP, "tests/__init__.py": "", "tests/test_one.py": TESTS}
    tree = {path: File(content.encode(), executable=False) for path, content in files.items()}
    return Service("small", all_questions().default, tmp_path_factory.mktemp("small"), tree)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MutantRunner]:
    directory = tmp_path_factory.mktemp("mutants")
    runner = MutantRunner(directory / "runs", ResultCache(directory / "results"), Servers())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "TIMEOUT", 2)
        yield runner
    runner.close()


@pytest.fixture(scope="module")
def score(
    minimal: Service, runner: MutantRunner, tmp_path_factory: pytest.TempPathFactory, show: Callable[[str], Meter]
) -> Score:
    """Return the mutation score of all mutants of the minimal service."""
    cache = Cache(tmp_path_factory.mktemp("cache"))
    every = [(minimal, mutant) for mutant in mutants("app/one.py", APP.encode())]
    make_maps([minimal], cache, runner, show("Coverage"))
    maps = make_maps([minimal], cache, runner, show("Coverage"))  # cached
    return Score(1, *run_controlled(trials(every, maps), maps, runner, show))


def result_of(score: Score, old: str, new: str) -> Result:
    (result,) = [each for each in score.results if (old, new) in each.trial.mutant.changes]
    return result


@pytest.mark.parametrize(
    ("old", "new", "cause", "test"),
    [
        ("return number < LIMIT", "return None", "failed", "tests/test_one.py::test_small"),
        ("<", "<=", "", ""),
        ("number -= 1", "pass", "timeout", "tests/test_one.py::test_wait"),
        ("return LIMIT", "return None", "", ""),
        ("2", "1", "import", "tests/test_one.py"),
        ("2", "3", "", ""),
    ],
)
def test_mutant_result_has_cause_and_test(score: Score, old: str, new: str, cause: str, test: str) -> None:
    result = result_of(score, old, new)
    assert (result.cause, result.test) == (cause, test)


def test_mutant_that_no_test_reaches_survives(score: Score) -> None:
    assert result_of(score, "return LIMIT", "return None").trial.tests == []


def test_test_that_fails_once_kills_no_mutant(score: Score) -> None:
    assert result_of(score, "<", "<=").unstable == ("tests/test_one.py::test_fails_once",)


def test_test_that_fails_without_mutant_is_reported(score: Score) -> None:
    assert score.failing == {"small": {"tests/test_one.py::test_fails_without_plan"}}
    assert "  fails without a mutant (small): tests/test_one.py::test_fails_without_plan" in score.lines()


def test_page_shows_surviving_mutant_as_diff(score: Score) -> None:
    assert "-    return number < LIMIT\n+    return number <= LIMIT\n" in score.page()


def test_mutated_service_copies_are_deleted(score: Score, runner: MutantRunner) -> None:
    _ = score
    assert [path.name for path in runner.directory.iterdir()] == ["outcomes"]
