"""PostgreSQL through asyncpg: settings, engine, connection pooler and migration lock."""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

import asyncpg
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode, SettingsConfigDict
from sqlalchemy import URL, event, func, literal, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import Unavailable
from app.libpq.tls import is_in_home
from app.libpq.url import driver_arguments, hosts_of, parse_url, server_url
from app.settings import Choice, ConfigurationError, Environment, EnvironmentSettings, Probe

MIGRATION_LOCK = 5_842_391_043  # key of the advisory lock; the same in every replica
ASCII_ONLY = (
    "database: lower() changes only ASCII letters, so searches for other letters depend on case."
    " Move the data to a database created by `CREATE DATABASE name"
    " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' TEMPLATE template0`."
)
OTHER_ORDER = (
    "database: its collation sorts text by the rules of a language, not by code points as in"
    " development and tests. See docs/postgresql.md."
)
TIMEOUTS = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)
UNAVAILABLE = (  # also while no host is a primary, during a failover
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.TooManyConnectionsError,
)
HINT = "Set it to postgresql://user:password@host:5432/name."


DatabaseURL = Annotated[URL, PlainValidator(parse_url, json_schema_input_type=str), NoDecode]


def has_credentials(url: URL) -> bool:
    """Return whether the server is local, or the client has a password or a certificate.

    The client library also reads passwords from PGPASSWORD and from a password file, and connects
    to a Unix socket if the host is a directory.
    """
    is_local = all(
        host in {"127.0.0.1", "::1", "localhost"} or host.startswith("/") for host in hosts_of(url)
    )
    variables = {"PGPASSFILE", "PGPASSWORD", "PGSERVICE", "PGSSLCERT"} & os.environ.keys()
    parameters = {"passfile", "service", "sslcert"} & url.query.keys()
    return bool(is_local or url.password or variables or parameters or is_in_home(".pgpass"))


class Pooler(Choice):
    """Kind of connection pooler between the service and the PostgreSQL server."""

    NONE = "none"
    TRANSACTION = "transaction"  # such as PgBouncer: a server connection per transaction


class DatabaseSettings(EnvironmentSettings):
    """Settings of PostgreSQL: URLs, and the pool size and timeouts of one process."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    environment: Environment = Field(Environment.PRODUCTION, validation_alias="ENVIRONMENT")
    pooler: Pooler = Field(Pooler.NONE, description="Set it to none or transaction.")
    url: DatabaseURL = Field(repr=False, description=HINT)
    direct_url: DatabaseURL | None = Field(
        None, repr=False, description=f"{HINT} It bypasses the pooler."
    )
    read_url: DatabaseURL | None = Field(
        None, repr=False, description=f"{HINT} It is a read replica."
    )
    pool_size: PositiveInt = Field(
        10, description="Set it to the number of connections that stay open."
    )
    max_overflow: NonNegativeInt = Field(
        5, description="Set it to the number of further connections under load."
    )
    pool_timeout: PositiveFloat = Field(
        5, description="Set it to the seconds to wait for a free connection."
    )
    pool_recycle: PositiveInt = Field(
        1800, description="Set it to the seconds until a connection is replaced."
    )
    connect_timeout: PositiveFloat = Field(
        5, description="Set it to the seconds that connecting may take."
    )
    statement_timeout: NonNegativeFloat = Field(
        10, description="Set it to the seconds that a statement may take; 0 is no limit."
    )
    lock_timeout: NonNegativeFloat = Field(
        0, description="Set it to the seconds that a statement may wait for a lock; 0 is no limit."
    )

    @field_validator("url", "direct_url", "read_url")
    @classmethod
    def require_password(cls, value: URL | None, info: ValidationInfo) -> URL | None:
        """Require credentials for a server on the network in production."""
        is_production = info.data.get("environment") is Environment.PRODUCTION
        if value and is_production and not has_credentials(value):
            message = "It has no password"
            raise ValueError(message)
        return value

    @field_validator("url", "read_url")
    @classmethod
    def require_pooler(cls, value: URL | None, info: ValidationInfo) -> URL | None:
        """Require the setting of the pooler that the URL names, as Prisma's URLs do."""
        is_pooled = value is not None and value.query.get("pgbouncer") == "true"
        if is_pooled and info.data.get("pooler") is Pooler.NONE:
            message = "Its pgbouncer=true needs DATABASE_POOLER=transaction"
            raise ValueError(message)
        return value

    def for_migrations(self) -> "DatabaseSettings":
        """Return the settings for migrations: no pooler, no statement timeout, a lock timeout.

        A migration that waits for a lock blocks all later statements on its table.

        Raises:
            ConfigurationError: there is a pooler, but no direct URL.
        """
        if self.pooler is Pooler.TRANSACTION and self.direct_url is None:
            message = f"DATABASE_DIRECT_URL: missing. {HINT} It bypasses the pooler."
            raise ConfigurationError(message)
        return self.model_copy(
            update={
                "url": self.direct_url or self.url,
                "pooler": Pooler.NONE,
                "statement_timeout": 0,
                "lock_timeout": self.lock_timeout or 10,
            }
        )

    def connections(self) -> Mapping[str, Probe]:
        """Return functions that connect to the server, the pooler and the replica."""
        configs = {"url": self}
        if self.direct_url:
            configs["direct_url"] = self.for_migrations()
        if self.read_url:
            configs["read_url"] = self.model_copy(update={"url": self.read_url})
        return {field: partial(connect, config) for field, config in configs.items()}


async def connect(settings: DatabaseSettings) -> None:
    """Connect to the server once; raise an error if it is unavailable."""
    engine = create_engine(settings)
    try:
        async with engine.connect():
            pass
    finally:
        await engine.dispose()


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Create the engine and its connection pool, which connects on first use."""
    engine = create_async_engine(
        server_url(settings.url),
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        pool_recycle=settings.pool_recycle,
        hide_parameters=True,  # errors and logs omit parameters, which may be secrets
        connect_args=_connect_args(settings),
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect_driver(dialect: Any, _record: Any, args: Any, options: Any) -> Any:  # noqa: ANN401
        try:
            return dialect.connect(*args, **options)
        except (OSError, dialect.loaded_dbapi.Error) as error:
            # The dialect converts errors of asyncpg, but none of the network.
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, UNAVAILABLE):
                raise
            message = "The database is unavailable. Retry later."
            raise Unavailable(message) from cause

    return engine


def read_engine(settings: DatabaseSettings, engine: AsyncEngine) -> AsyncEngine:
    """Return the replica's engine for reads if a replica is configured, else `engine` itself."""
    if settings.read_url is None:
        return engine
    return create_engine(settings.model_copy(update={"url": settings.read_url}))


def _connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    parameters = settings.url.query
    arguments = {
        **driver_arguments(settings.url),
        "timeout": float(str(parameters.get("connect_timeout", 0))) or settings.connect_timeout,
    }
    name = {"application_name": str(parameters.get("application_name", "app"))}
    if settings.pooler is Pooler.TRANSACTION:
        # Each transaction may have another server connection: no prepared statements, no SET.
        return arguments | {
            "server_settings": name,
            "command_timeout": settings.statement_timeout or None,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
        }
    timeouts = {
        "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",
        "lock_timeout": f"{settings.lock_timeout * 1000:.0f}",
    }
    # A server that does not respond cannot cancel a statement; one that does is a second earlier.
    limit = settings.statement_timeout and settings.statement_timeout + 1
    return arguments | {"server_settings": name | timeouts, "command_timeout": limit or None}


def read_options(settings: DatabaseSettings) -> dict[str, Any]:
    """Return the options of read sessions: autocommit, unless a pooler is configured.

    Autocommit saves two round trips. Behind a pooler, read sessions need a transaction, since
    preparing a statement and executing it may otherwise use different server connections.
    """
    is_pooled = settings.pooler is Pooler.TRANSACTION
    return {} if is_pooled else {"isolation_level": "AUTOCOMMIT"}


def constraint_name(error: IntegrityError) -> str | None:
    """Return the name of the constraint that an error violates; None if unknown."""
    return getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)


def is_disconnect(error: DBAPIError) -> bool:
    """Return whether the connection was lost, or the statement or its lock timed out."""
    cause = getattr(error.orig, "__cause__", None)
    return error.connection_invalidated or isinstance(cause, TIMEOUTS)


@asynccontextmanager
async def migration_lock(connection: AsyncConnection) -> AsyncGenerator[None, None]:
    """Hold an advisory lock, so that only one process migrates at a time.

    The lock is polled instead of awaited. A session that awaits the lock holds a snapshot, and
    CREATE INDEX CONCURRENTLY in the migrating session would wait for this snapshot (deadlock).
    """
    while not await connection.scalar(select(func.pg_try_advisory_lock(MIGRATION_LOCK))):
        await connection.rollback()
        await asyncio.sleep(0.1)
    await connection.rollback()
    try:
        yield
    finally:
        await connection.rollback()
        await connection.execute(select(func.pg_advisory_unlock(MIGRATION_LOCK)))
        await connection.rollback()


async def locale_problems(connection: AsyncConnection) -> list[str]:
    """Return one line if `lower` changes only ASCII letters, as with the locale C; else nothing."""
    if await connection.scalar(select(func.lower("É") == "é")):
        return []
    return [ASCII_ONLY]


async def sort_order_notes(connection: AsyncConnection) -> list[str]:
    """Return one line if text is sorted by a language's rules instead of by code points."""
    if not await connection.scalar(select(literal("a") < literal("B"))):
        return []
    return [OTHER_ORDER]
