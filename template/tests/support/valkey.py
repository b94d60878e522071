"""A Valkey for tests: the one that `TEST_VALKEY_URL` names, else one that is gone afterwards."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from development.valkey import throwaway


@contextmanager
def server() -> Generator[str, None, None]:
    """Name a server, which others may use at the same time."""
    if given := os.environ.get("TEST_VALKEY_URL"):
        yield given
    else:
        with throwaway() as url:
            yield url
