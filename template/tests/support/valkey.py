"""Valkey server for tests, either that of `TEST_VALKEY_URL` or a temporary server."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from development.valkey import temporary


@contextmanager
def server() -> Generator[str, None, None]:
    """Yield the URL of a Valkey server, which other tests may use concurrently."""
    if shared := os.environ.get("TEST_VALKEY_URL"):
        yield shared
    else:
        with temporary() as url:
            yield url
