"""Services pass their own tests on each Python that is installed, and with the newest and lowest versions they allow.

Where the harness itself has the newest versions, as on a machine that was just set up, all suites run with them anyway.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks import requirements
from tests.harness.checks.checks import LANE
from tests.harness.checks.runner import CACHE, CheckRunner
from tests.harness.combinations.questions import all_questions, choices, code_questions
from tests.harness.readme.newcomer import python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

RESOLUTIONS = {"newest": "highest", "lowest": "lowest-direct"}  # as uv calls them
PYTHONS = {f"python{version}": version for version in choices(all_questions().questions["python_version"])}
HARNESS = f"{sys.version_info.major}.{sys.version_info.minor}"
DEFAULT = f"python{all_questions().default['python_version']}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try services in which each answer is given; on Pythons that are not the default, the one with most features."""
    if "lane" in metafunc.fixturenames:
        few = code_questions().covering(1)
        fullest = max(few, key=lambda answers: len(answers["features"]))
        cases = [(lane, given) for lane in (*RESOLUTIONS, DEFAULT) for given in few]
        cases += [(lane, fullest) for lane in PYTHONS if lane != DEFAULT]
        names = [f"{lane}-{code_questions().label(given)}" for lane, given in cases]
        metafunc.parametrize(("lane", "tried"), cases, indirect=True, ids=names, scope="module")


def uv(*arguments: str | Path) -> str:
    run = subprocess.run(["uv", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def environment(lane: str) -> str:
    """Install all that services can require, in the versions and on the Python of a lane; return its interpreter."""
    directory = CACHE / "lanes" / lane
    python = directory / "bin" / "python"
    uv("venv", "--quiet", "--clear", "--python", interpreter(lane), directory)
    resolution = RESOLUTIONS.get(lane, "highest")
    uv("pip", "install", "--quiet", "--python", python, "--resolution", resolution, *requirements.ALL)
    return str(python)


def interpreter(lane: str) -> str:
    """Find the Python of a lane; skip where it is not installed, rather than take another one."""
    if lane in RESOLUTIONS:
        return sys.executable
    found = python(PYTHONS[lane])
    if found is None:
        pytest.skip(f"Python {PYTHONS[lane]} is not installed")
    return found


def installed(python: str) -> set[tuple[str, str]]:
    """List what is installed for an interpreter, with its versions."""
    listed = json.loads(uv("pip", "list", "--format", "json", "--python", python))
    return {(each["name"], each["version"]) for each in listed}


@pytest.fixture(scope="module")
def tried(request: pytest.FixtureRequest, find_code: Callable[[Answers], Service]) -> Service:
    return find_code(request.param)


@pytest.fixture(scope="module")
def lane(request: pytest.FixtureRequest, make_runner: Callable[..., CheckRunner]) -> CheckRunner:
    """The check runner of each environment in turn."""
    python = environment(request.param)
    is_harness = PYTHONS.get(request.param, HARNESS) == HARNESS
    if is_harness and installed(python) <= installed(sys.executable):
        pytest.skip("the harness itself runs all suites so")
    runner = make_runner(request.param, python)
    runner.run = ("uv", "run", *options(request.param))
    return runner


def options(lane: str) -> tuple[str, str]:
    """Return what makes uv run a command in an environment such as this."""
    return ("--resolution", RESOLUTIONS[lane]) if lane in RESOLUTIONS else ("--python", PYTHONS[lane])


@pytest.fixture(scope="module")
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking services in other environments")


def test_passes_in_the_lane(tried: Service, lane: CheckRunner, meter: Meter) -> None:
    for check in LANE:
        lane.begin(tried, check)
    for check in LANE:
        lane.of(tried, check, meter).assert_passed(tried)


def test_skips_report_python_that_is_not_installed() -> None:
    assert python("3.999") is None
    assert python(HARNESS)
