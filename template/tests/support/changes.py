"""Recording of the change events that a service publishes."""

from collections.abc import Generator
from contextlib import contextmanager

from fastapi import FastAPI

from app.changes import LISTENERS, Change, subscribe


@contextmanager
def recorded(app: FastAPI) -> Generator[list[Change], None, None]:
    """Return a list to which each change is appended after its commit."""
    published: list[Change] = []
    subscribe(app, published.extend)
    yield published
    LISTENERS.get(app).remove(published.extend)
