"""SQLite."""

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
            meaning="The file that keeps the data. Leave it out, and `uv run app dev` uses .dev/app.db.",
        ),
        Setting(name="DATABASE_POOL_SIZE", example="5", meaning="Connections that one process keeps open."),
        Setting(name="DATABASE_POOL_TIMEOUT", example="5", meaning="Seconds that a request waits for a connection."),
        Setting(name="DATABASE_BUSY_TIMEOUT", example="5", meaning="Seconds that a write waits for another's."),
    ),
    environment={"DATABASE_URL": "sqlite:////srv/data/app.db"},
    volumes={"data": "/srv/data"},
    # A task cancelled within a statement: SQLAlchemy terminates its connection, and warns later, in any test.
    tolerates=("ignore:The garbage collector is trying to clean up non-checked-in connection",),
    guidance=("SQLite has one writer at a time: between a write and the end of a `Session`, wait for nothing.",),
)
