"""Every service passes its own tests, types and lint; services of the same code pass them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.scratch import ROOT
from tests.harness.verdicts import SUITE

if TYPE_CHECKING:
    from tests.harness.services import Service
    from tests.harness.verdicts import Verdicts

CHECKS = {
    "ruff check": ["--no-cache"],
    "ruff format --check": ["--no-cache"],
    "mypy": [f"--cache-dir={ROOT / '.cache' / 'mypy-services'}"],
    "lint-imports": ["--no-cache"],
    "deptry .": ["--no-ansi"],
}


@pytest.mark.parametrize("command", CHECKS)
def test_passes(command: str, service: Service, verdicts: Verdicts) -> None:
    verdicts.of(service, command, CHECKS[command]).hold(service)


def test_passes_its_own_tests(service: Service, suites: Verdicts) -> None:
    suites.of(service, SUITE).hold(service)
