"""A plugin of pytest's for a quick loop: what takes time is begun early, or left out.

The server of the tests' databases starts while the service is imported, and meanwhile nobody looks
for garbage: what is imported stays. The tests are the same, and so is what they tell.
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
    """Runs a server from before the service is imported until pytest ends."""

    def __init__(self, config: pytest.Config) -> None:
        self.url, self.done = Future[str](), Event()
        config.add_cleanup(self.done.set)  # which comes even where an import fails
        Thread(target=self.serve).start()  # and has to last: a server ends with who started it

    def serve(self) -> None:
        """Keep a server that keeps nothing."""
        try:
            from development import databases

            with databases.throwaway() as url:
                self.url.set_result(url)
                self.done.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, pytest waits for a word
            self.url.set_exception(error)

    def pytest_collection_finish(self) -> None:
        """Name the server; where it did not start, the tests try themselves, and tell why."""
        if self.url.exception() is None:
            os.environ[GIVEN] = self.url.result()


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin, unless a server is given."""
    if not os.environ.get(GIVEN):
        early_config.pluginmanager.register(Early(early_config))


def pytest_collection_finish() -> None:
    """Look for garbage from here on, but not among what was imported."""
    gc.freeze()
    gc.enable()
