"""Every service is built; as far as the matrix goes, they pass their own tests, types and lint, each code once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.checks.checks import BUILT, CODE, QUICK, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.checks.checks import Check
    from tests.harness.checks.progress import Meter
    from tests.harness.checks.runner import CheckRunner
    from tests.harness.combinations.services import Service


@pytest.fixture(scope="session")
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking services")


@pytest.mark.parametrize("check", [BUILT], ids=str)
def test_is_built(check: Check, every: Service, runner: CheckRunner, meter: Meter) -> None:
    """All of it can be imported, plugged together, and described."""
    runner.of(every, check, meter).assert_passed(every)


@pytest.mark.parametrize("check", [*CODE, QUICK], ids=str)
def test_passes(check: Check, service: Service, runner: CheckRunner, meter: Meter) -> None:
    runner.of(service, check, meter).assert_passed(service)


@pytest.mark.thorough
@pytest.mark.parametrize("check", [WHOLE], ids=str)
def test_passes_as_its_owner_runs_it(check: Check, example: Service, runner: CheckRunner, meter: Meter) -> None:
    """In a process of its own, with coverage and drills."""
    runner.of(example, check, meter).assert_passed(example)
