"""Every service passes its own tests, types and lint; services of the same code pass them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scratch import ROOT

if TYPE_CHECKING:
    from tests.services import Service
    from tests.verdicts import Verdicts

TYPES = f"--cache-dir={ROOT / '.cache' / 'mypy-services'}"

CHECKS = {
    "ruff check": ["--no-cache"],
    "ruff format --check": ["--no-cache"],
    "mypy": [TYPES],
    "lint-imports": ["--no-cache"],
    "deptry .": [],
    "pytest -q --cov": [],
}


@pytest.mark.parametrize("command", CHECKS)
def test_passes(command: str, service: Service, verdicts: Verdicts) -> None:
    verdict = verdicts.of(service, command, CHECKS[command])
    assert verdict.passed, verdict.told(service)
