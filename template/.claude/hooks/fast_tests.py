"""A pytest plugin that shortens the start of the tests.

The database server starts while the service is imported, and garbage collection is off meanwhile,
because imported objects stay. The tests and their results are the same.
"""  # noqa: INP001 - the hook names its directory

from __future__ import annotations

import gc
import os
from concurrent.futures import Future
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

GIVEN = "TEST_DATABASE_URL"

gc.disable()


class Early:
    """Runs a database server from before the imports until pytest ends."""

    def __init__(self, config: pytest.Config) -> None:
        self.url, self.done = Future[str](), Event()
        config.add_cleanup(self.done.set)  # called even if an import fails
        Thread(target=self.serve).start()  # must last: the server stops with its thread

    def serve(self) -> None:
        """Run a temporary server until pytest is done."""
        try:
            from development import databases

            with databases.throwaway() as url:
                self.url.set_result(url)
                self.done.wait()
        except Exception as error:  # noqa: BLE001 - pytest waits for a result
            self.url.set_exception(error)

    def pytest_collection_finish(self) -> None:
        """Set the server's URL; if it failed to start, the tests start one and report the error."""
        if self.url.exception() is None:
            os.environ[GIVEN] = self.url.result()


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start a server, unless the environment names one."""
    if not os.environ.get(GIVEN):
        early_config.pluginmanager.register(Early(early_config))


def pytest_collection_finish() -> None:
    """Enable garbage collection, except for imported objects."""
    gc.freeze()
    gc.enable()
