"""The feature that stores the service's data in SQLite."""

from __future__ import annotations

from .model import Feature, Setting

SQLITE = Feature(
    name="sqlite",
    summary="SQLite on aiosqlite",
    paths=(
        "app/sqlite.py",
        "deploy/kubernetes/components/sqlite/",
        "development/sqlite.py",
        "docs/sqlite.md",
        "tests/database/test_sqlite.py",
    ),
    is_component=True,
    runtime=("aiosqlite>=0.22,<0.23",),
    unimported=("aiosqlite",),
    settings=(
        Setting(
            name="DATABASE_URL",
            is_needed=True,
            example="sqlite:///.dev/app.db",
            meaning="URL of the database file; without it, `uv run app dev` uses .dev/app.db.",
        ),
        Setting(
            name="DATABASE_POOL_SIZE", example="5", default="5", meaning="Number of pooled connections per process."
        ),
        Setting(
            name="DATABASE_POOL_TIMEOUT",
            example="5",
            default="5",
            meaning="Timeout in seconds for a connection from the pool.",
        ),
        Setting(
            name="DATABASE_BUSY_TIMEOUT",
            example="5",
            default="5",
            meaning="Timeout in seconds for the write lock (SQLite's busy timeout).",
        ),
    ),
    environment={"DATABASE_URL": "sqlite:////srv/data/app.db"},
    volumes={"data": "/srv/data"},
    # If a task is cancelled during a statement, SQLAlchemy terminates its connection and warns later, in any test.
    tolerates=("ignore:The garbage collector is trying to clean up non-checked-in connection",),
    guidance=(
        "SQLite has one writer at a time: do not await anything else between a write and the end of a `Session`.",
    ),
)
