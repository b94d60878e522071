"""What each distinct service must pass: commands that its owner types, and what the harness adds to be quick."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A command after `uv run`; `options` and `variables` are the harness's own, and change no outcome."""

    name: str
    command: str
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    cold: bool = False  # in a process of its own, as its owner runs it
    asks_servers: bool = False
    patience: float = 900  # seconds
    shuffles: bool = False  # runs tests in an order that a seed decides

    def __str__(self) -> str:
        return self.name


# The libraries are imported already, which pytest would tell; the other plugins bring nothing to these tests.
LEAN = (
    *("-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"),
    *("-p", "pytest_asyncio.plugin"),
)
ALONE = (("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),)
QUICK = Check(
    "suite",
    "pytest -q -m 'not drill'",
    (*LEAN, "-p", "pytest_randomly"),
    ALONE,
    asks_servers=True,
    shuffles=True,
)
WHOLE = Check("whole suite", "pytest -q --cov", cold=True, shuffles=True)
BUILT = Check("openapi", "app openapi", variables=(("ENVIRONMENT", "development"),))
CODE = (
    Check("types", "mypy", ("--cache-dir={cache}/types-{slot}",)),
    Check("imports", "lint-imports", ("--no-cache",)),
    Check("dependencies", "deptry .", ("--no-ansi",)),
)
LANE = (BUILT, QUICK)  # in other versions of what a service requires
