"""Tests of the list of routes."""

from types import ModuleType

import pytest

from app.__main__ import main
from development.routes import function_name

shops = ModuleType("app.services.shop")


async def sell() -> None:
    """Call a service function."""
    await shops.sell()


async def greet() -> str:
    """Call no service function."""
    return str(1)


def test_endpoint_is_named_by_its_service_function() -> None:
    assert function_name(sell) == "app.services.shop.sell"
    assert function_name(greet) == f"{__name__}.greet"


def test_routes_command_lists_routes_without_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["routes"]) == 0
    heading, *lines = [
        line for line in capsys.readouterr().out.splitlines() if not line.startswith("{")
    ]
    assert heading.split()[:2] == ["METHOD", "PATH"]
    assert [line.split()[1] for line in lines] == sorted(line.split()[1] for line in lines)
    (live,) = [line.split() for line in lines if "/health/live" in line]
    assert live[0] == "GET"
    assert live[-1] == "app.health.live"
