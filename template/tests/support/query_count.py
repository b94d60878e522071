"""Recorder of SELECT statements, which helps tests to detect N+1 queries."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import event


@contextmanager
def selects(app: FastAPI) -> Generator[list[str], None, None]:
    """Record the SELECT statements that the service executes within the context."""
    engine = app.state.engine.sync_engine
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:  # noqa: ANN401
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", record)
