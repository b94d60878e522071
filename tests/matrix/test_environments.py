"""Services pass their tests on every installed Python, and with newest and lowest requirements.

The lane of the newest versions is skipped where the harness itself has them: all suites run with these anyway.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks import requirements
from tests.harness.checks.checks import LANE
from tests.harness.checks.shards import due
from tests.harness.combinations.questions import all_questions, choices, code_questions
from tests.harness.readme.newcomer import python
from tests.harness.workspace import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.checks.runner import CheckRunner
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

RESOLUTIONS = {"newest": "highest", "lowest": "lowest-direct"}  # as uv calls them
PYTHONS = {f"python{version}": version for version in choices(all_questions().questions["python_version"])}
HARNESS = f"{sys.version_info.major}.{sys.version_info.minor}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests by environment and service; each Python checks only the service with most features.

    CI checks one service with the lowest requirements or on another Python, and changes it weekly.
    """
    if "lane" in metafunc.fixturenames:
        few = code_questions().covering(1)
        fullest = max(few, key=lambda answers: len(answers["features"]))
        pythons = [lane for lane, version in PYTHONS.items() if version != HARNESS]
        cases = [(lane, fullest) for lane in pythons]
        cases += [(lane, combination) for lane in RESOLUTIONS for combination in few]
        if metafunc.config.option.matrix == "pairs":
            cases = [case for case in cases if case[0] != "newest"]  # which the harness itself has
        selected = due(metafunc.config, cases)
        names = [f"{lane}-{code_questions().label(combination)}" for lane, combination in selected]
        metafunc.parametrize(("lane", "service_of_lane"), selected, indirect=True, ids=names, scope="module")


def uv(*arguments: str | Path) -> str:
    run = subprocess.run(["uv", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def environment(lane: str) -> str:
    """Create the virtual environment of a lane with all services' requirements; return its interpreter."""
    directory = CACHE / "lanes" / lane
    python = directory / "bin" / "python"
    uv("venv", "--quiet", "--clear", "--python", interpreter(lane), directory)
    resolution = RESOLUTIONS.get(lane, "highest")
    options = ("--quiet", "--compile-bytecode", "--python", python)  # or each process of a suite would compile it
    uv("pip", "install", *options, "--resolution", resolution, *requirements.ALL)
    return str(python)


def interpreter(lane: str) -> str:
    """Return the path of a lane's Python; skip the test if it is not installed."""
    if lane in RESOLUTIONS:
        return sys.executable
    path = python(PYTHONS[lane])
    if path is None:
        pytest.skip(f"Python {PYTHONS[lane]} is not installed")
    return path


def installed(python: str) -> set[tuple[str, str]]:
    """Return the names and versions of the distributions in an interpreter's environment."""
    listed = json.loads(uv("pip", "list", "--format", "json", "--python", python))
    return {(each["name"], each["version"]) for each in listed}


@pytest.fixture(scope="module")
def service_of_lane(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    return find_code(request.param)


@pytest.fixture(scope="module")
def lane(request: pytest.FixtureRequest, make_runner: Callable[..., CheckRunner]) -> CheckRunner:
    """Return the check runner of a lane: a Python version or a resolution of requirements."""
    python = environment(request.param)
    if request.param in RESOLUTIONS and installed(python) <= installed(sys.executable):
        pytest.skip("the harness itself has these versions")
    runner = make_runner(request.param, python)
    runner.launcher = ("uv", "run", *options(request.param))
    return runner


def options(lane: str) -> tuple[str, str]:
    """Return the options with which `uv run` creates a lane's environment."""
    return ("--resolution", RESOLUTIONS[lane]) if lane in RESOLUTIONS else ("--python", PYTHONS[lane])


@pytest.fixture(scope="module")
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking services in other environments")


def test_service_passes_checks_in_environment(service_of_lane: Service, lane: CheckRunner, meter: Meter) -> None:
    for check in LANE:
        lane.submit(service_of_lane, check)
    for check in LANE:
        lane.result(service_of_lane, check, meter).assert_passed(service_of_lane)


def test_search_for_missing_python_returns_none() -> None:
    assert python("3.999") is None
    assert python(HARNESS)
