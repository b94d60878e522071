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

from tests.harness import requirements
from tests.harness.checks import LANE
from tests.harness.questions import code_questions
from tests.harness.verdicts import CACHE, Court

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.checks import Check
    from tests.harness.progress import Meter
    from tests.harness.questions import Answers
    from tests.harness.services import Service

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
    request: pytest.FixtureRequest, convene: Callable[..., Court], find_code: Callable[[Answers], Service]
) -> Court:
    """The verdicts in each environment in turn, all of which begin at once."""
    python = environment(request.param)
    if installed(python) <= installed(sys.executable):
        pytest.skip("in these versions all suites are run")
    court = convene(request.param, python)
    court.run = ("uv", "run", "--resolution", LANES[request.param])
    for answers, check in product(code_questions().covering(1), LANE):
        court.begin(find_code(answers), check)
    return court


@pytest.fixture(scope="module")
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking services in other versions")


@pytest.mark.parametrize("check", LANE, ids=str)
def test_passes_in_the_lane(check: Check, each: Service, lane: Court, meter: Meter) -> None:
    lane.of(each, check, meter).hold(each)
