"""SQLite through aiosqlite: settings, engine, migration lock, and exact column types."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
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

HINT = "Set it to sqlite:///path/to/file.db."


def parse_url(value: str | URL) -> URL:
    """Parse the URL of a SQLite file, and set the driver aiosqlite."""
    try:
        url = make_url(value)
    except ArgumentError:
        message = "It is not a URL"
        raise ValueError(message) from None
    if url.get_backend_name() != "sqlite" or not url.database:
        message = "It is not the URL of a SQLite file"
        raise ValueError(message)
    return url.set(drivername="sqlite+aiosqlite")


DatabaseURL = Annotated[URL, PlainValidator(parse_url, json_schema_input_type=str), NoDecode]


class DatabaseSettings(EnvironmentSettings):
    """Settings of SQLite: file, pool size and timeouts."""

    model_config = SettingsConfigDict(env_prefix="DATABASE_")

    url: DatabaseURL = Field(repr=False, description=HINT)
    pool_size: PositiveInt = Field(
        5, description="Set it to the number of connections in the pool."
    )
    pool_timeout: PositiveFloat = Field(
        5, description="Set it to the seconds to wait for a free connection."
    )
    busy_timeout: PositiveFloat = Field(
        5, description="Set it to the seconds to wait for another transaction's write lock."
    )

    def for_migrations(self) -> "DatabaseSettings":
        """Return the settings for migrations, with a busy timeout of ten minutes.

        A migration waits until a concurrent one has ended.
        """
        return self.model_copy(update={"busy_timeout": 600.0})


def _to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class UtcDateTime(DATETIME):
    """Column type that stores datetimes as text in UTC, as SQLite has no time zones."""

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:  # noqa: ARG002
        """Return a function that converts datetimes to UTC, so that text sorts chronologically."""
        return lambda value: _to_text(value) if value else None

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[str | None], datetime | None]:
        """Return a function that adds the time zone UTC to datetimes."""
        return lambda value: datetime.fromisoformat(value).replace(tzinfo=UTC) if value else None


class ExactNumeric(Numeric[Decimal]):
    """Column type for decimals of up to 15 digits, which SQLite's floats store exactly."""

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], str | None]:  # noqa: ARG002
        """Return a function that converts decimals to text.

        SQLite converts the text to numbers.
        """
        return lambda value: value if value is None else str(value)

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[float | None], Decimal | None]:
        """Return a function that rounds numbers to the decimal places of the column."""
        return lambda value: value if value is None else Decimal(f"{value:.{self.scale or 0}f}")


def lower(value: Any) -> Any:  # noqa: ANN401 - any value of SQLite
    """Return text in lower case, and any other value unchanged; SQLite's own `lower` is ASCII only.

    Each letter becomes one letter, as in PostgreSQL with the locale C.UTF-8 (simple case mapping).
    In Python, `İ` becomes two code points, and `Σ` depends on its place in the word.
    """
    is_text = isinstance(value, str)
    return value.replace("İ", "i").replace("Σ", "σ").lower() if is_text else value


def create_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Create the engine, which opens the file on first use."""
    engine = create_async_engine(
        settings.url,
        pool_size=settings.pool_size,
        max_overflow=0,
        hide_parameters=True,  # errors and logs omit parameters, which may be secrets
        pool_timeout=settings.pool_timeout,
    )
    kinds = {DateTime: UtcDateTime, Numeric: ExactNumeric, Float: Float}
    engine.dialect.colspecs = {**engine.dialect.colspecs, **kinds}
    event.listen(engine.sync_engine, "do_connect", partial(_create_file, settings))
    event.listen(engine.sync_engine, "connect", partial(_configure, settings))
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def read_engine(settings: DatabaseSettings, engine: AsyncEngine) -> AsyncEngine:  # noqa: ARG001
    """Return the given engine, since SQLite has no replicas."""
    return engine


def _create_file(settings: DatabaseSettings, *_: object) -> None:
    """Create a missing file that only its owner can read, before SQLite creates it for everyone.

    SQLite gives the files beside it the same mode. An existing file is not opened: closing it would
    release the locks of this process.
    """
    with suppress(OSError):  # also if the directory is missing: SQLite reports this
        os.close(os.open(settings.url.database or "", os.O_CREAT | os.O_EXCL, 0o600))


def _configure(settings: DatabaseSettings, connection: Any, _record: Any) -> None:  # noqa: ANN401
    connection.create_function("lower", 1, lower, deterministic=True)
    connection.isolation_level = None  # BEGIN is sent by SQLAlchemy, not by the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA busy_timeout = {settings.busy_timeout * 1000:.0f}")
    cursor.close()


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        # Take the write lock first: upgrading a read to a write may fail with SQLITE_BUSY.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def read_options(settings: DatabaseSettings) -> dict[str, Any]:  # noqa: ARG001
    """Return the options of read sessions: autocommit, without the write lock."""
    return {"isolation_level": "AUTOCOMMIT"}


def constraint_name(error: IntegrityError) -> str | None:
    """Return the name of the constraint that an error violates, by `Base`'s naming convention.

    Return None for a foreign key, since SQLite does not report its name.
    """
    _, _, columns = str(error.orig).partition("UNIQUE constraint failed: ")
    names = [column.split(".") for column in columns.split(", ") if column]
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_PRIMARYKEY":
        return f"pk_{names[0][0]}"
    return "_".join(["uq", names[0][0], *(name for _, name in names)]) if names else None


def is_disconnect(error: DBAPIError) -> bool:
    """Return whether the error says that the file was locked or could not be opened."""
    return any(words in str(error.orig) for words in ("database is locked", "unable to open"))


async def locale_problems(connection: AsyncConnection) -> list[str]:  # noqa: ARG001
    """Return no problems, since `lower` is defined above."""
    return []


async def sort_order_notes(connection: AsyncConnection) -> list[str]:  # noqa: ARG001
    """Return no notes, since SQLite sorts text by code points."""
    return []


@asynccontextmanager
async def migration_lock(connection: AsyncConnection) -> AsyncGenerator[None, None]:
    """Hold the write lock in a transaction, so that only one process migrates at a time.

    Foreign keys are checked at the end of the transaction. Alembic alters a table by copying it.
    With checks enabled, dropping the old table would delete the rows that reference it
    (https://sqlite.org/lang_altertable.html, 7).
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
    rows = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
    if rows:
        tables = ", ".join(sorted({row.table for row in rows}))
        message = f"Migration rolled back: rows of {tables} would reference missing rows."
        raise ValueError(message)
