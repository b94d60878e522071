"""SQLite, reached through aiosqlite: its settings, its engine, its lock, and types kept exact."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import Field, PlainValidator, PositiveFloat, PositiveInt
from pydantic_settings import NoDecode, SettingsConfigDict
from sqlalchemy import URL, Connection, DateTime, Dialect, Float, Numeric, event, make_url
from sqlalchemy.dialects.sqlite import DATETIME
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.settings import EnvironmentSettings

HOW = "Set it to sqlite:///path/to/file.db."


def parse_url(value: str | URL) -> URL:
    """Read the URL of a file, and put it in aiosqlite's terms."""
    try:
        url = make_url(value)
    except ArgumentError:
        message = "It is not a URL"
        raise ValueError(message) from None
    if url.get_backend_name() != "sqlite" or not url.database:
        message = "It does not name a file of SQLite's"
        raise ValueError(message)
    return url.set(drivername="sqlite+aiosqlite")


DatabaseURL = Annotated[URL, PlainValidator(parse_url, json_schema_input_type=str), NoDecode]


class DatabaseSettings(EnvironmentSettings):
    """Where the file is, and how many connections and seconds one process may take."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: DatabaseURL = Field(description=HOW)
    pool_size: PositiveInt = Field(5, description="Connections to keep open.")
    pool_timeout: PositiveFloat = Field(5, description="Seconds to wait for a connection.")
    busy_timeout: PositiveFloat = Field(5, description="Seconds to wait for another's write.")

    def for_migrations(self) -> "DatabaseSettings":
        """Wait for as long as another migration may take."""
        return self.model_copy(update={"busy_timeout": 600.0})


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class UtcDateTime(DATETIME):
    """Points in time, kept in UTC; SQLite itself keeps no zone."""

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:  # noqa: ARG002
        """Write an aware time in UTC, so that text sorts as time."""
        return lambda value: _written(value) if value else None

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[str | None], datetime | None]:
        """Read a time as the UTC that it is."""
        return lambda value: datetime.fromisoformat(value).replace(tzinfo=UTC) if value else None


class ExactNumeric(Numeric[Decimal]):
    """Decimals of up to 15 digits, which SQLite's own numbers keep exactly."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], str | None]:  # noqa: ARG002
        """Write digits; the column's affinity makes a number of them."""
        return lambda value: value if value is None else str(value)

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[float | None], Decimal | None]:
        """Read the number with the digits that its column has."""
        return lambda value: value if value is None else Decimal(f"{value:.{self.scale or 0}f}")


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Create the engine; it opens the file when it is first used."""
    engine = create_async_engine(
        settings.url,
        pool_size=settings.pool_size,
        max_overflow=0,
        hide_parameters=True,  # in errors and logs; they may be secrets
        pool_timeout=settings.pool_timeout,
    )
    kinds = {DateTime: UtcDateTime, Numeric: ExactNumeric, Float: Float}
    engine.dialect.colspecs = {**engine.dialect.colspecs, **kinds}
    event.listen(engine.sync_engine, "connect", partial(_prepare, settings))
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def read_engine(settings: DatabaseSettings, engine: AsyncEngine) -> AsyncEngine:  # noqa: ARG001
    """Give the engine of what only reads: there is one file."""
    return engine


def _prepare(settings: DatabaseSettings, connection: Any, _record: Any) -> None:  # noqa: ANN401
    connection.isolation_level = None  # transactions begin where SQLAlchemy says so
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {settings.busy_timeout * 1000:.0f}")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        # At once: a transaction that reads first and writes later may find the file locked.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def read_options(settings: DatabaseSettings) -> dict[str, Any]:  # noqa: ARG001
    """Give the execution options of sessions that only read, and so wait for no one's write."""
    return {"isolation_level": "AUTOCOMMIT"}


def constraint_name(error: IntegrityError) -> str | None:
    """Name the constraint that a statement broke, by the convention of `app.models.base`."""
    _, _, columns = str(error.orig).partition("UNIQUE constraint failed: ")
    names = [column.split(".") for column in columns.split(", ") if column]
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_PRIMARYKEY":
        return f"pk_{names[0][0]}"
    return "_".join(["uq", names[0][0], *(name for _, name in names)]) if names else None


def is_disconnect(error: DBAPIError) -> bool:
    """Tell whether the file was busy or out of reach, rather than the statement wrong."""
    return any(words in str(error.orig) for words in ("database is locked", "unable to open"))


@asynccontextmanager
async def migration_lock(connection: AsyncConnection) -> AsyncGenerator[None, None]:
    """Let one process migrate at a time: a transaction holds the file from its first statement.

    Foreign keys are checked at its end: Alembic copies a table to alter it, and to drop the old one
    would delete the rows that reference it (https://sqlite.org/lang_altertable.html, 7).
    """
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.execute("PRAGMA foreign_keys = OFF")
    try:
        async with connection.begin():
            yield
            await _check_references(connection)
    finally:
        await driver.execute("PRAGMA foreign_keys = ON")


async def _check_references(connection: AsyncConnection) -> None:
    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if broken:
        tables = ", ".join(sorted({row.table for row in broken}))
        message = f"Nothing was migrated: {tables} would have rows that reference missing ones."
        raise ValueError(message)
