"""Services pass their own tests, types and lint; services of equal code are checked once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.checks.checks import BUILT, CODE, QUICK, REQUESTS

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
def test_service_starts_and_describes_its_api(check: Check, every: Service, runner: CheckRunner, meter: Meter) -> None:
    """Import all modules, build the application, and print its OpenAPI document."""
    runner.result(every, check, meter).assert_passed(every)


@pytest.mark.parametrize("check", [*CODE, QUICK], ids=str)
def test_service_passes_checks(check: Check, service: Service, runner: CheckRunner, meter: Meter) -> None:
    runner.result(service, check, meter).assert_passed(service)


@pytest.mark.thorough
@pytest.mark.parametrize("check", [REQUESTS], ids=str)
def test_random_requests_break_no_example(check: Check, example: Service, runner: CheckRunner, meter: Meter) -> None:
    """Run the only drill that depends on the domain; clean rooms run all drills on the sample."""
    runner.result(example, check, meter).assert_passed(example)
