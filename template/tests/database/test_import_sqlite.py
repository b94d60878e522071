"""Rows that are moved here from SQLite."""

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

LONG_AGO = datetime(2020, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


class MovedBase(Base):
    """The base of tables of one test."""

    __abstract__ = True
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)


class MovedLeaf(MovedBase, Identified, Timestamped):
    """Refers to others of its kind, and to branches, which refer to leaves."""

    __tablename__ = "moved_leaves"

    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("moved_leaves.id"))
    branch_id: Mapped[UUID | None] = mapped_column(ForeignKey("moved_branches.id", use_alter=True))
    size: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    grown_on: Mapped[date | None]
    is_green: Mapped[bool] = mapped_column(default=True)
    veins: Mapped[Any | None] = mapped_column(JSON)


class MovedBranch(MovedBase, Identified):
    """Refers to a leaf."""

    __tablename__ = "moved_branches"

    leaf_id: Mapped[UUID] = mapped_column(ForeignKey("moved_leaves.id"))


def leaf(**values: object) -> dict[str, Any]:
    """Say what a leaf is made of, which was made long ago."""
    blank = dict.fromkeys(column.key for column in MovedLeaf.__table__.columns)
    times = {"created_at": LONG_AGO, "updated_at": LONG_AGO}
    return blank | times | {"id": uuid7(), "is_green": False} | values


def written(value: object) -> object:
    """Write a value as SQLite keeps it."""
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


def fill(file: Path, rows: dict[type[MovedBase], list[dict[str, Any]]]) -> None:
    """Write a file at the newest revision."""
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        MovedBase.metadata.create_all(connection)
        script = ScriptDirectory.from_config(migrate.config())
        MigrationContext.configure(connection).stamp(script, "heads")
        for model, found in rows.items():
            for row in found:
                values = {name: written(value) for name, value in row.items()}
                untyped = table(model.__tablename__, *map(column, row))
                connection.execute(insert(untyped), values)
    engine.dispose()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty file of SQLite's, of a service that has these tables."""
    monkeypatch.setattr(import_sqlite, "Base", MovedBase)
    found = tmp_path / "app.db"
    found.touch()
    return found


@pytest.fixture
async def here(database_url: str) -> AsyncGenerator[AsyncEngine, None]:
    """Reach a database that has the tables."""
    _ = database_url
    engine = migrate.create()
    async with engine.begin() as connection:
        await connection.run_sync(MovedBase.metadata.create_all)
    yield engine
    await engine.dispose()


async def kept(here: AsyncEngine, model: type[MovedBase]) -> list[dict[str, Any]]:
    """Read what is here."""
    async with here.connect() as connection:
        found = await connection.execute(select(model.__table__).order_by("id"))
        return [dict(row) for row in found.mappings()]


async def test_rows_come_as_they_were(file: Path, here: AsyncEngine) -> None:
    full = {"size": Decimal("10.10"), "grown_on": date(2021, 3, 4), "veins": [1, "two"]}
    rows = [leaf(), leaf(**full, is_green=True)]
    fill(file, {MovedLeaf: rows})
    assert await import_sqlite.import_sqlite(str(file)) == "2 rows were moved."
    assert await kept(here, MovedLeaf) == rows


def test_times_are_read_as_utc(file: Path) -> None:
    fill(file, {MovedLeaf: [leaf()]})
    engine = import_sqlite.open_file(str(file))
    with engine.connect() as there:
        assert there.scalars(select(MovedLeaf.created_at)).all() == [LONG_AGO]
    engine.dispose()


async def test_rows_may_refer_to_those_that_come_later(file: Path, here: AsyncEngine) -> None:
    first, second = leaf(), leaf()
    branch = {"id": uuid7(), "leaf_id": first["id"]}
    first |= {"parent_id": second["id"], "branch_id": branch["id"]}
    second |= {"parent_id": first["id"]}
    fill(file, {MovedLeaf: [first, second], MovedBranch: [branch]})
    await import_sqlite.import_sqlite(str(file))
    assert (await kept(here, MovedLeaf), await kept(here, MovedBranch)) == (
        [first, second],
        [branch],
    )


async def test_there_are_as_many_as_there_were(file: Path, here: AsyncEngine) -> None:
    rows = [leaf() for _ in range(2 * import_sqlite.BATCH + 1)]
    fill(file, {MovedLeaf: rows})
    assert await import_sqlite.import_sqlite(str(file)) == "2001 rows were moved."
    assert await kept(here, MovedLeaf) == rows


async def test_what_is_refused_leaves_nothing_behind(file: Path, here: AsyncEngine) -> None:
    fill(file, {MovedLeaf: [leaf()], MovedBranch: [{"id": uuid7(), "leaf_id": uuid7()}]})
    with pytest.raises(IntegrityError):
        await import_sqlite.import_sqlite(str(file))
    assert await kept(here, MovedLeaf) == []


async def test_a_database_with_rows_is_left_as_it_is(file: Path, here: AsyncEngine) -> None:
    fill(file, {MovedLeaf: [leaf()]})
    async with here.begin() as connection:
        await connection.execute(insert(MovedLeaf), [leaf()])
    with pytest.raises(SystemExit, match="moved_leaves has rows already"):
        await import_sqlite.import_sqlite(str(file))
    assert len(await kept(here, MovedLeaf)) == 1


async def test_an_older_file_is_not_read(file: Path, here: AsyncEngine) -> None:
    _ = here
    with pytest.raises(SystemExit, match="The file is not at the newest revision"):
        await import_sqlite.import_sqlite(str(file))


async def test_an_older_database_takes_nothing(file: Path, here: AsyncEngine) -> None:
    fill(file, {})
    async with here.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(SystemExit, match="`uv run app migrate` first"):
        await import_sqlite.import_sqlite(str(file))


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"There is no file .*none\.db"):
        await import_sqlite.import_sqlite(str(tmp_path / "none.db"))
