"""Tests of SQLite: URLs, decimals, datetimes, write locks and foreign keys."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app import settings
from app.migrate import locked
from app.sqlite import DatabaseSettings, parse_url
from development import databases
from tests.support import sample_resource
from tests.support.live_server import Live, lifespan
from tests.support.sample_resource import URL, Jot


def test_database_url_is_converted_to_aiosqlite_driver() -> None:
    assert str(parse_url("sqlite:///data/app.db")) == "sqlite+aiosqlite:///data/app.db"


@pytest.mark.parametrize("url", ["", "hunter2", "sqlite://", "postgresql://u:hunter2@h/d"])
def test_invalid_database_url_error_hides_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(settings.ConfigurationError, match="^DATABASE_URL: ") as caught:
        settings.read(DatabaseSettings)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("amount", ["0.00", "0.10", "19.99", "-99999999.99"])
async def test_sqlite_stores_decimals_exactly(session: AsyncSession, amount: str) -> None:
    jot = await sample_resource.make(session, amount=amount)
    await session.refresh(jot)
    assert str(jot.amount) == amount


async def test_sqlite_compares_decimals_as_numbers(session: AsyncSession) -> None:
    jot = await sample_resource.make(session, amount="9.50")
    small = select(Jot.id).where(Jot.amount < Decimal("10.00"))
    assert await session.scalar(small) == jot.id


async def test_sqlite_stores_datetimes_in_utc(session: AsyncSession) -> None:
    zone = timezone(timedelta(hours=2))
    jot = await sample_resource.make(session)
    jot.created_at = datetime(2026, 1, 2, 1, 0, tzinfo=zone)
    await session.commit()
    await session.refresh(jot)
    assert jot.created_at == datetime(2026, 1, 1, 23, 0, tzinfo=UTC)
    assert jot.created_at.tzinfo is UTC


async def test_sqlite_stores_datetimes_before_year_1000(session: AsyncSession) -> None:
    jot = await sample_resource.make(session)
    jot.created_at = datetime(197, 8, 24, tzinfo=UTC)
    await session.commit()
    await session.refresh(jot)
    assert jot.created_at == datetime(197, 8, 24, tzinfo=UTC)


async def test_concurrent_writes_wait_for_each_other(live: Live) -> None:
    created = await live.client.post(URL, json=sample_resource.payload())
    changes = [{"text": f"Text {number}"} for number in range(20)]  # each reads before it writes
    url = created.headers["Location"]
    responses = await asyncio.gather(*(live.client.patch(url, json=change) for change in changes))
    assert {response.status_code for response in responses} == {200}


async def test_reads_of_locked_file_succeed_but_writes_return_503(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ = database_url
    monkeypatch.setenv("DATABASE_BUSY_TIMEOUT", "0.01")
    app = sample_resource.create_app()
    async with (
        lifespan(app),
        app.state.engine.connect() as writer,
        AsyncClient(transport=ASGITransport(app), base_url="http://test") as client,
    ):
        await writer.execute(text("SELECT 1"))
        assert (await client.get(URL)).status_code == 200
        assert (await client.post(URL, json=sample_resource.payload())).status_code == 503


async def test_migration_that_violates_foreign_keys_is_rolled_back(
    database_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await databases.create(database_server)
    monkeypatch.setenv("DATABASE_URL", url)
    async with locked() as connection:
        await connection.exec_driver_sql("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        await connection.exec_driver_sql("CREATE TABLE b (a_id INTEGER REFERENCES a (id))")
    with pytest.raises(ValueError, match="rows of b would reference missing rows"):
        async with locked() as connection:
            await connection.exec_driver_sql("INSERT INTO b VALUES (1)")
    async with locked() as connection:
        assert not (await connection.exec_driver_sql("SELECT * FROM b")).all()
    await databases.drop(url)


def file_modes(directory: Path) -> dict[str, int]:
    """Return the permissions of the files in a directory, by name."""
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


async def test_database_files_are_readable_by_their_owner_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/app.db")
    async with locked() as connection:
        await connection.execute(text("CREATE TABLE notes (id INTEGER)"))
        modes = file_modes(tmp_path)
    assert modes == dict.fromkeys(("app.db", "app.db-shm", "app.db-wal"), 0o600)


async def test_sqlite_enforces_foreign_keys(session: AsyncSession) -> None:
    assert await session.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        (["sqlite3"], ["-cmd", "PRAGMA foreign_keys = ON", "data/app.db", "SELECT 1"]),
        ([], ["litecli", "data/app.db", "--table", "--execute", "SELECT 1"]),
    ],
    ids=["installed", "missing"],
)
def test_client_is_sqlite3_or_litecli_if_it_is_missing(
    programs: list[str], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in programs:
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "sqlite:///data/app.db")
    command, _ = databases.client("SELECT 1")
    assert command[-len(expected) :] == expected
