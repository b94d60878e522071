"""The check runner shares results of equal code, caches passes, and reports how to reproduce failures."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks.checks import ALONE, CODE, LEAN, Check
from tests.harness.checks.runner import CheckRunner, ResultCache, Usage
from tests.harness.checks.servers import Servers
from tests.harness.checks.tools import Distribution, Tools
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import File
from tests.harness.combinations.services import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.harness.checks.progress import Meter

SUITE = Check("suite", "pytest -q", LEAN, ALONE)
COLD = replace(SUITE, name="cold suite", cold=True)
HASTY = replace(SUITE, timeout=1)
SHUFFLED = Check("suite", "pytest -q", (*LEAN, "-p", "pytest_randomly"), ALONE, shuffles=True)
TYPES = CODE[0]
PASSES = "def test_it() -> None:\n    pass\n"
FAILS = "def test_it() -> None:\n    assert False, 'the reason'\n"
MARKS = """
import os, sys
def test_it() -> None:
    assert "MARK" not in os.environ and "marked" not in sys.modules
    os.environ["MARK"] = "here"
    sys.modules["marked"] = sys
"""
HANGS = "import time\ndef test_it() -> None:\n    time.sleep(60)\n"
LEAVES = """
import pathlib, subprocess
def test_it() -> None:
    child = subprocess.Popen(["sleep", "60"])
    pathlib.Path("child").write_text(str(child.pid))
"""


def service(label: str, directory: Path, test: str) -> Service:
    """Return a service with a single test module."""
    files = {"tests/test_it.py": File(test.encode(), executable=False)}
    return Service(label, all_questions().default, directory / label, files)


@pytest.fixture
def new_runner(tmp_path: Path) -> Iterator[Callable[[], CheckRunner]]:
    """Return a function that creates check runners, which share only their cache."""
    runners: list[CheckRunner] = []

    def runner() -> CheckRunner:
        runners.append(CheckRunner(tmp_path / f"run {len(runners)}", ResultCache(tmp_path / "results"), Servers()))
        return runners[-1]

    yield runner
    for each in runners:
        each.close()


@pytest.fixture
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking")


@pytest.mark.parametrize("check", [SUITE, COLD], ids=["forked", "cold"])
def test_passed_check_is_cached(
    check: Check, new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    passing = service("passing", tmp_path, PASSES)
    first, second = new_runner().result(passing, check, meter), new_runner().result(passing, check, meter)
    assert (first.passed, first.cached) == (True, False)
    assert (second.passed, second.cached) == (True, True)
    assert second.usage == first.usage
    assert first.usage.seconds > 0


def test_failed_check_is_not_cached(new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter) -> None:
    failing = service("failing", tmp_path, FAILS)
    for _ in range(2):
        result = new_runner().result(failing, SUITE, meter)
        assert (result.passed, result.cached) == (False, False)
        assert "the reason" in result.output


def test_changed_code_is_checked_again(new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter) -> None:
    assert new_runner().result(service("one", tmp_path, PASSES), SUITE, meter).passed
    assert not new_runner().result(service("other", tmp_path, PASSES + "\n"), SUITE, meter).cached


def test_check_with_changed_command_runs_again(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    passing = service("passing", tmp_path, PASSES)
    assert new_runner().result(passing, SUITE, meter).passed
    assert not new_runner().result(passing, HASTY, meter).cached


def test_passed_check_runs_again_with_other_tools(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing = service("passing", tmp_path, PASSES)
    runner = new_runner()
    assert runner.result(passing, SUITE, meter).passed
    newer = runner.tools.distributions | {"pytest": Distribution("999")}
    monkeypatch.setattr(CheckRunner, "tools", replace(runner.tools, distributions=newer))
    assert not new_runner().result(passing, SUITE, meter).cached


def test_passed_check_runs_again_in_other_test_order(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    passing, cached = service("passing", tmp_path, PASSES), []
    for seed in (1, 1, 2):
        runner = new_runner()
        runner.seed = seed
        cached.append(runner.result(passing, SHUFFLED, meter).cached)
    assert cached == [False, True, False]


def test_cache_key_depends_only_on_required_distributions() -> None:
    project = File(
        b"[project]\ndependencies = ['app-server[fast]']\n[dependency-groups]\ntest = ['Checker>1']\n", executable=False
    )
    installed = {
        "app-server": Distribution("1", ("loop; extra == 'fast'", "other; extra == 'slow'", "base>=2")),
        **dict.fromkeys(("loop", "other", "checker", "linter"), Distribution("1")),
        "base": Distribution("2", ("app-server",)),
    }
    _, pinned, _ = Tools(("3.13",), installed).key({"pyproject.toml": project})
    assert pinned == ["app-server==1", "base==2", "checker==1", "loop==1"]


class OneFork(CheckRunner):
    """A check runner with a single fork, so that all checks use the same mypy cache."""

    forks = 1


def test_mypy_checks_other_file_of_equal_size_again(tmp_path: Path, meter: Meter) -> None:
    """Services share a mypy cache, which compares path, size and second of modification of files."""
    typed = typed_service("typed", tmp_path, "def value() -> int:\n    return 12\n")
    mistyped = typed_service("mistyped", tmp_path, 'def value() -> int:\n    return ""\n')
    with closing(OneFork(tmp_path / "run", ResultCache(tmp_path / "results"), Servers())) as runner:
        assert runner.result(typed, TYPES, meter).passed
        result = runner.result(mistyped, TYPES, meter)
    assert not result.passed
    assert 'expected "int"' in result.output


def typed_service(label: str, directory: Path, module: str) -> Service:
    files = {"app/module.py": module, "pyproject.toml": "[project]\n[tool.mypy]\nstrict = true\nfiles = ['app']\n"}
    rendered = {path: File(text.encode(), executable=False) for path, text in files.items()}
    return Service(label, all_questions().default, directory / label, rendered)


def test_passed_check_runs_again_after_cache_is_cleared(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    passing = service("passing", tmp_path, PASSES)
    runner = new_runner()
    assert runner.result(passing, SUITE, meter).passed
    runner.cache.clear()
    assert not new_runner().result(passing, SUITE, meter).cached


def test_unused_cache_entry_expires(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path)
    for name in ("used", "unused"):
        cache.put(name, Usage(1, 1, 1))
        os.utime(tmp_path / name, (0, 0))
    assert cache.get("used")
    ResultCache(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_services_with_equal_code_share_result(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    one, other = service("one", tmp_path, FAILS), service("other", tmp_path, FAILS)
    runner = new_runner()
    assert runner.result(one, SUITE, meter) is runner.result(other, SUITE, meter)
    with pytest.raises(pytest.fail.Exception, match="the reason"):
        runner.result(one, SUITE, meter).assert_passed(one)
    with pytest.raises(pytest.skip.Exception, match="the same code as one"):
        runner.result(other, SUITE, meter).assert_passed(other)


def test_services_are_isolated_from_each_other(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    runner = new_runner()
    for number in range(3):
        result = runner.result(service(f"number {number}", tmp_path, f"{MARKS}\n# {number}\n"), SUITE, meter)
        assert result.passed, result.output


def test_check_that_reads_noncode_file_fails(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    """Otherwise the cached result would be reused for services in which that file differs."""
    reads = "def test_it() -> None:\n    assert open('README.md').read()\n"
    reading = service("reading", tmp_path, reads)
    reading.files["README.md"] = File(b"# Shop\n", executable=False)
    assert "No such file" in new_runner().result(reading, SUITE, meter).output


def test_hanging_check_is_killed(new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter) -> None:
    result = new_runner().result(service("hanging", tmp_path, HANGS), HASTY, meter)
    assert not result.passed
    assert result.usage.seconds < 30
    assert "ended by SIGKILL after" in result.output


def test_orphaned_check_subprocess_is_killed(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    runner, leaving = new_runner(), service("leaving", tmp_path, LEAVES)
    assert runner.result(leaving, SUITE, meter).passed
    child = int((runner.copy(leaving) / "child").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_check_result_has_command_to_reproduce_it(
    new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter
) -> None:
    runner = new_runner()
    runner.seed = 7
    shuffled = Check("suite", "pytest -q -m 'not drill'", LEAN, ALONE, shuffles=True)
    sqlite = Service("x", all_questions().default | {"database": "sqlite"}, tmp_path / "x", {})
    assert runner.result(sqlite, shuffled, meter).reproduce == (
        "service=$(mktemp -d) && uv run copier copy --trust --defaults --vcs-ref HEAD --data database=sqlite . $service"
        " && cd $service && uv run pytest -q -m 'not drill' --randomly-seed=7"
    )


def test_cache_entry_stores_only_usage(new_runner: Callable[[], CheckRunner], tmp_path: Path, meter: Meter) -> None:
    assert new_runner().result(service("passing", tmp_path, PASSES), SUITE, meter).passed
    (entry,) = (tmp_path / "results").iterdir()
    assert json.loads(entry.read_text(encoding="utf-8")).keys() == {"seconds", "cpu", "memory"}
    assert os.access(entry, os.W_OK)
