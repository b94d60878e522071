"""Services pass their own tests with the newest versions that they allow, and with the lowest.

Where the harness itself has the newest ones, as on a machine that was just set up, all suites are run with them anyway.
"""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from typing import TYPE_CHECKING

import pytest

from tests.harness.checks import requirements
from tests.harness.checks.checks import LANE
from tests.harness.checks.runner import CACHE, CheckRunner
from tests.harness.combinations.questions import code_questions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks.checks import Check
    from tests.harness.checks.progress import Meter
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

LANES = {"newest": "highest", "lowest": "lowest-direct"}  # as uv calls them


def uv(*arguments: str | Path) -> str:
    run = subprocess.run(["uv", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def environment(lane: str) -> str:
    """Make an environment of all that services can require, in the versions of a lane; give its interpreter."""
    directory = CACHE / "lanes" / lane
    python = directory / "bin" / "python"
    uv("venv", "--quiet", "--clear", directory)
    uv("pip", "install", "--quiet", "--python", python, "--resolution", LANES[lane], *requirements.ALL)
    return str(python)


def installed(python: str) -> set[tuple[str, str]]:
    """List what is installed for an interpreter, with its versions."""
    listed = json.loads(uv("pip", "list", "--format", "json", "--python", python))
    return {(each["name"], each["version"]) for each in listed}


@pytest.fixture(scope="module", params=LANES)
def lane(
    request: pytest.FixtureRequest, make_runner: Callable[..., CheckRunner], find_code: Callable[[Answers], Service]
) -> CheckRunner:
    """The results in each environment in turn, all of which begin at once."""
    python = environment(request.param)
    if installed(python) <= installed(sys.executable):
        pytest.skip("in these versions all suites are run")
    runner = make_runner(request.param, python)
    runner.run = ("uv", "run", "--resolution", LANES[request.param])
    for answers, check in product(code_questions().covering(1), LANE):
        runner.begin(find_code(answers), check)
    return runner


@pytest.fixture(scope="module")
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking services in other versions")


@pytest.mark.parametrize("check", LANE, ids=str)
def test_passes_in_the_lane(check: Check, each: Service, lane: CheckRunner, meter: Meter) -> None:
    lane.of(each, check, meter).assert_passed(each)
