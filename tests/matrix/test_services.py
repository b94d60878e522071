"""Services pass their own tests, mypy and linters; services of equal code are checked once."""

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
def test_service_is_built_and_prints_its_openapi_document(
    check: Check, every: Service, runner: CheckRunner, meter: Meter
) -> None:
    """Import all modules, build the application, and print its OpenAPI document."""
    runner.result(every, check, meter).assert_passed(every)


@pytest.mark.parametrize("check", [*CODE, QUICK], ids=str)
def test_service_passes_checks(check: Check, service: Service, runner: CheckRunner, meter: Meter) -> None:
    runner.result(service, check, meter).assert_passed(service)


@pytest.mark.thorough
@pytest.mark.parametrize("check", [REQUESTS], ids=str)
def test_example_service_handles_random_requests(
    check: Check, example: Service, runner: CheckRunner, meter: Meter
) -> None:
    """Run the drill with random requests; clean rooms run all other drills on the sample domain."""
    runner.result(example, check, meter).assert_passed(example)
