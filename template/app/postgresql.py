"""PostgreSQL, reached through asyncpg: its settings, its engine, its lock."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from enum import StrEnum
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
)
from pydantic_settings import NoDecode, SettingsConfigDict
from sqlalchemy import URL, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import Unavailable
from app.settings import ConfigurationError, EnvironmentSettings

MIGRATION_LOCK = 5_842_391_043  # any number, but the same in every replica
HOW = "Set it to postgresql://user:password@host:5432/name."


def parse_url(value: str | URL) -> URL:
    """Read a URL as hosts hand it out, and put it in asyncpg's terms."""
    try:
        url = make_url(value)
    except ArgumentError:
        message = "It is not a URL"
        raise ValueError(message) from None
    if url.drivername.partition("+")[0] not in {"postgres", "postgresql"}:
        message = "Its scheme is not postgresql"
        raise ValueError(message)
    ssl = {"ssl": url.query["sslmode"]} if "sslmode" in url.query else {}
    url = url.difference_update_query(["sslmode", "channel_binding"]).update_query_dict(ssl)
    return url.set(drivername="postgresql+asyncpg")


DatabaseURL = Annotated[URL, PlainValidator(parse_url, json_schema_input_type=str), NoDecode]


class Pooler(StrEnum):
    """What stands between the service and the server."""

    NONE = "none"
    TRANSACTION = "transaction"  # PgBouncer, or the like, lends a connection for one transaction


class DatabaseSettings(EnvironmentSettings):
    """Where the data is, and how many connections and seconds one process may take."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: DatabaseURL = Field(description=HOW)
    direct_url: DatabaseURL | None = Field(None, description=f"{HOW} It leads past any pooler.")
    read_url: DatabaseURL | None = Field(None, description=f"{HOW} It leads to a replica.")
    pooler: Pooler = Field(Pooler.NONE, description="Set it to none or transaction.")
    pool_size: PositiveInt = Field(10, description="Connections to keep open.")
    max_overflow: NonNegativeInt = Field(5, description="Connections to open beyond, when busy.")
    pool_timeout: PositiveFloat = Field(5, description="Seconds to wait for a connection.")
    pool_recycle: PositiveInt = Field(1800, description="Seconds after which one is replaced.")
    connect_timeout: PositiveFloat = Field(5, description="Seconds to wait for the server.")
    statement_timeout: NonNegativeFloat = Field(
        10, description="Seconds that a statement may take; 0 for as long as it wants."
    )

    lock_timeout: NonNegativeFloat = Field(
        0, description="Seconds that a statement may wait for a lock; 0 for as long as it wants."
    )

    def for_migrations(self) -> "DatabaseSettings":
        """Lead past the pooler; let statements take their time, but not wait while others queue.

        Raises:
            ConfigurationError: there is a pooler, and nothing leads past it.
        """
        if self.pooler is Pooler.TRANSACTION and self.direct_url is None:
            message = f"DATABASE_DIRECT_URL: It is missing. {HOW} It leads past the pooler."
            raise ConfigurationError(message)
        return self.model_copy(
            update={
                "url": self.direct_url or self.url,
                "pooler": Pooler.NONE,
                "statement_timeout": 0,
                "lock_timeout": self.lock_timeout or 10,
            }
        )


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Create the engine; it connects when it is first used."""
    engine = create_async_engine(
        settings.url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        pool_recycle=settings.pool_recycle,
        hide_parameters=True,  # in errors and logs; they may be secrets
        connect_args=_connect_args(settings),
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def connect(dialect: Any, _record: Any, args: Any, options: Any) -> Any:  # noqa: ANN401
        try:
            return dialect.connect(*args, **options)
        except (OSError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError) as error:
            message = "The database does not answer."
            raise Unavailable(message) from error

    return engine


def read_engine(settings: DatabaseSettings, engine: AsyncEngine) -> AsyncEngine:
    """Create the engine of what only reads: that of a replica, where one is named."""
    if settings.read_url is None:
        return engine
    return create_engine(settings.model_copy(update={"url": settings.read_url}))


def _connect_args(settings: DatabaseSettings) -> dict[str, Any]:
    if settings.pooler is Pooler.TRANSACTION:
        # The next statement may meet another server: nothing may be prepared or set beforehand.
        return {
            "timeout": settings.connect_timeout,
            "command_timeout": settings.statement_timeout or None,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"__asyncpg_{uuid4()}__",
        }
    return {
        "timeout": settings.connect_timeout,
        "server_settings": {
            "application_name": "app",
            "statement_timeout": f"{settings.statement_timeout * 1000:.0f}",
            "lock_timeout": f"{settings.lock_timeout * 1000:.0f}",
        },
    }


def read_options(settings: DatabaseSettings) -> dict[str, Any]:
    """Give the execution options of sessions that only read.

    They need no transaction, which spares two round trips; behind a pooler, only a transaction
    keeps a prepared statement and its execution on the same server.
    """
    pooled = settings.pooler is Pooler.TRANSACTION
    return {} if pooled else {"isolation_level": "AUTOCOMMIT"}


def constraint_name(error: IntegrityError) -> str | None:
    """Name the constraint that a statement broke."""
    return getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)


def is_disconnect(error: DBAPIError) -> bool:
    """Tell whether the server went away or took too long, rather than refused."""
    cause = getattr(error.orig, "__cause__", None)
    return error.connection_invalidated or isinstance(cause, asyncpg.QueryCanceledError)


@asynccontextmanager
async def migration_lock(connection: AsyncConnection) -> AsyncGenerator[None, None]:
    """Let one replica migrate at a time.

    The lock is asked for again and again, not waited for: a session that waits holds a snapshot,
    and CREATE INDEX CONCURRENTLY in the one that migrates would wait for it in turn.
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
