"""pytest plugin that shortens the startup of tests.

The database server starts while the service is imported, and garbage collection is off meanwhile,
because imported modules are never garbage. The tests and their results are the same.
"""  # noqa: INP001 - the hook names its directory

from __future__ import annotations

import gc
import os
from concurrent.futures import Future
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

VARIABLE = "TEST_DATABASE_URL"

gc.disable()


class DatabaseServer:
    """Temporary database server that runs in a thread until pytest ends.

    The thread starts before the imports.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.url, self.done = Future[str](), Event()
        config.add_cleanup(self.done.set)  # called even if an import fails
        Thread(target=self.serve).start()  # a server ends with the thread that started it

    def serve(self) -> None:
        """Run a temporary database server until pytest ends."""
        try:
            from development import databases

            with databases.temporary() as url:
                self.url.set_result(url)
                self.done.wait()
        except Exception as error:  # noqa: BLE001 - pytest waits for a result
            self.url.set_exception(error)

    def pytest_collection_finish(self) -> None:
        """Set the server's URL; if the server did not start, the tests start one and report why."""
        if self.url.exception() is None:
            os.environ[VARIABLE] = self.url.result()


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the database server, unless the environment variables name one."""
    if not os.environ.get(VARIABLE):
        early_config.pluginmanager.register(DatabaseServer(early_config))


def pytest_collection_finish() -> None:
    """Exclude all existing objects from garbage collection, then enable it."""
    gc.freeze()
    gc.enable()
