"""Tests of the import of a SQLite file into PostgreSQL."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    ForeignKey,
    MetaData,
    Numeric,
    column,
    create_engine,  # noqa: TID251 - a file for one test
    insert,
    select,
    table,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Mapped, mapped_column

from app import import_sqlite, migrate
from app.models.base import Base, Identified, Timestamped, uuid7

CREATED_AT = datetime(2020, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


class ImportedBase(Base):
    """Base class of the models that the import copies in these tests."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class Leaf(ImportedBase, Identified, Timestamped):
    """Model that references leaves and branches, and so forms a cycle of foreign keys."""

    __tablename__ = "imported_leaves"

    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("imported_leaves.id"))
    branch_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("imported_branches.id", use_alter=True)
    )
    size: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    grown_on: Mapped[date | None]
    is_green: Mapped[bool] = mapped_column(default=True)
    veins: Mapped[Any | None] = mapped_column(JSON)


class Branch(ImportedBase, Identified):
    """Model that references a leaf."""

    __tablename__ = "imported_branches"

    leaf_id: Mapped[UUID] = mapped_column(ForeignKey("imported_leaves.id"))


def leaf(**values: object) -> dict[str, Any]:
    """Return the column values of one row of `Leaf`."""
    nulls = dict.fromkeys(column.key for column in Leaf.__table__.columns)
    times = {"created_at": CREATED_AT, "updated_at": CREATED_AT}
    return nulls | times | {"id": uuid7(), "is_green": False} | values


def to_sqlite(value: object) -> object:
    """Convert a value to the form in which SQLite stores it."""
    match value:
        case UUID():
            return value.hex
        case datetime():
            return value.replace(tzinfo=None).isoformat(" ", "microseconds")
        case date() | Decimal():
            return str(value)
        case list():
            return json.dumps(value)
        case _:
            return value


def fill(file: Path, rows: dict[type[ImportedBase], list[dict[str, Any]]]) -> None:
    """Create migrated tables in a SQLite file, and insert rows."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        ImportedBase.metadata.create_all(connection)
        script = ScriptDirectory.from_config(migrate.config())
        MigrationContext.configure(connection).stamp(script, "heads")
        for model, values_of_rows in rows.items():
            for row in values_of_rows:
                values = {name: to_sqlite(value) for name, value in row.items()}
                untyped = table(model.__tablename__, *map(column, row))
                connection.execute(insert(untyped), values)
    engine.dispose()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create an empty SQLite file; let the import use the models of these tests."""
    monkeypatch.setattr(import_sqlite, "Base", ImportedBase)
    path = tmp_path / "app.db"
    path.touch()
    return path


@pytest.fixture
async def target(database_url: str) -> AsyncGenerator[AsyncEngine, None]:
    """Create the tables in a PostgreSQL database; return its engine."""
    _ = database_url
    engine = migrate.create()
    async with engine.begin() as connection:
        await connection.run_sync(ImportedBase.metadata.create_all)
    yield engine
    await engine.dispose()


async def stored(target: AsyncEngine, model: type[ImportedBase]) -> list[dict[str, Any]]:
    """Return the rows of a PostgreSQL table, ordered by id."""
    async with target.connect() as connection:
        result = await connection.execute(select(model.__table__).order_by("id"))
        return [dict(row) for row in result.mappings()]


async def test_import_preserves_all_value_types(file: Path, target: AsyncEngine) -> None:
    full = {"size": Decimal("10.10"), "grown_on": date(2021, 3, 4), "veins": [1, "two"]}
    rows = [leaf(), leaf(**full, is_green=True)]
    fill(file, {Leaf: rows})
    assert await import_sqlite.import_sqlite(str(file)) == "Imported 2 rows."
    assert await stored(target, Leaf) == rows


def test_import_reads_datetimes_as_utc(file: Path) -> None:
    fill(file, {Leaf: [leaf()]})
    engine = import_sqlite.open_file(str(file))
    with engine.connect() as source:
        assert source.scalars(select(Leaf.created_at)).all() == [CREATED_AT]
    engine.dispose()


async def test_import_copies_rows_that_reference_later_rows(
    file: Path, target: AsyncEngine
) -> None:
    first, second = leaf(), leaf()
    branch = {"id": uuid7(), "leaf_id": first["id"]}
    first |= {"parent_id": second["id"], "branch_id": branch["id"]}
    second |= {"parent_id": first["id"]}
    fill(file, {Leaf: [first, second], Branch: [branch]})
    await import_sqlite.import_sqlite(str(file))
    assert (await stored(target, Leaf), await stored(target, Branch)) == (
        [first, second],
        [branch],
    )


async def test_import_copies_several_batches(file: Path, target: AsyncEngine) -> None:
    rows = [leaf() for _ in range(2 * import_sqlite.BATCH + 1)]
    fill(file, {Leaf: rows})
    assert await import_sqlite.import_sqlite(str(file)) == "Imported 2001 rows."
    assert await stored(target, Leaf) == rows


async def test_failed_import_leaves_database_empty(file: Path, target: AsyncEngine) -> None:
    fill(file, {Leaf: [leaf()], Branch: [{"id": uuid7(), "leaf_id": uuid7()}]})
    with pytest.raises(IntegrityError):
        await import_sqlite.import_sqlite(str(file))
    assert await stored(target, Leaf) == []


async def test_import_into_nonempty_database_is_rejected(file: Path, target: AsyncEngine) -> None:
    fill(file, {Leaf: [leaf()]})
    async with target.begin() as connection:
        await connection.execute(insert(Leaf), [leaf()])
    with pytest.raises(SystemExit, match="imported_leaves is not empty"):
        await import_sqlite.import_sqlite(str(file))
    assert len(await stored(target, Leaf)) == 1


async def test_import_from_outdated_sqlite_file_is_rejected(
    file: Path, target: AsyncEngine
) -> None:
    _ = target
    with pytest.raises(SystemExit, match="The file is not at the newest revision"):
        await import_sqlite.import_sqlite(str(file))


async def test_import_into_outdated_database_is_rejected(file: Path, target: AsyncEngine) -> None:
    fill(file, {})
    async with target.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(SystemExit, match="`uv run app migrate` first"):
        await import_sqlite.import_sqlite(str(file))


async def test_import_from_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"File not found: .*none\.db"):
        await import_sqlite.import_sqlite(str(tmp_path / "none.db"))
