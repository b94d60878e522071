"""The commands that check a service, with options that make them fast in the harness."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A command such as `mypy` or `pytest -q` that a service must pass.

    The harness adds options that do not change the command's result.
    """

    name: str
    command: str
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    cold: bool = False  # in a new process instead of a fork
    needs_servers: bool = False
    timeout: float = 900  # seconds
    shuffles: bool = False  # its order of tests depends on a seed

    def __str__(self) -> str:
        return self.name


# Libraries are already imported, of which pytest would warn; other plugins have no effect on these tests.
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
    needs_servers=True,
    shuffles=True,
)
# Random requests by an anonymous client, and by an administrator if there are accounts, in a new process.
REQUESTS = Check("requests", "pytest -q -k requests_cause_no_500", ("-p", "no:cacheprovider"), cold=True)
BUILT = Check("openapi", "app openapi", variables=(("ENVIRONMENT", "development"),))
CODE = (
    Check("types", "mypy", ("--cache-dir={cache}/types-{slot}",)),
    Check("imports", "lint-imports", ("--no-cache",)),
    Check("dependencies", "deptry .", ("--no-ansi",)),
)
LANE = (BUILT, QUICK)  # with other versions of the requirements
