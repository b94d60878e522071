"""Every service is built; as far as the matrix goes, they pass their own tests, types and lint, each code once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.checks import BUILT, CODE, QUICK, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.checks import Check
    from tests.harness.progress import Meter
    from tests.harness.services import Service
    from tests.harness.verdicts import Court


@pytest.fixture(scope="session")
def meter(show: Callable[[str], Meter]) -> Meter:
    return show("Checking services")


@pytest.mark.parametrize("check", [BUILT], ids=str)
def test_is_built(check: Check, every: Service, court: Court, meter: Meter) -> None:
    """All of it can be imported, plugged together, and described."""
    court.of(every, check, meter).hold(every)


@pytest.mark.parametrize("check", [*CODE, QUICK], ids=str)
def test_passes(check: Check, service: Service, court: Court, meter: Meter) -> None:
    court.of(service, check, meter).hold(service)


@pytest.mark.parametrize("check", [WHOLE], ids=str)
def test_passes_as_its_owner_runs_it(check: Check, covering: Service, court: Court, meter: Meter) -> None:
    court.of(covering, check, meter).hold(covering)
