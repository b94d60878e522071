"""Tests of the command `seed`, which inserts rows of all resources of the service."""

import pytest
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy import Table, func, select

from app.__main__ import main
from app.main import create_app
from app.migrate import create
from app.settings import PREFIX
from development import databases, seeds
from development.seeds.resources import resources
from development.seeds.rows import foreign_keys
from tests.support.live_server import lifespan

ROWS = 20

Content = dict[str, list[str]]


async def content() -> Content:
    """Return the rows of all resources in the database of `DATABASE_URL`, as text."""
    engine = create()
    rows: Content = {}
    async with engine.connect() as connection:
        for table in resources():
            query = select(table).order_by(*table.primary_key)
            rows[table.name] = [repr(row) for row in await connection.execute(query)]
    await engine.dispose()
    return rows


async def dangling(table: Table) -> int:
    """Return the number of a table's references to missing rows."""
    engine = create()
    count = 0
    async with engine.connect() as connection:
        for key in foreign_keys(table):
            target = key.referred_table.alias()
            on = [each.parent == target.c[each.column.name] for each in key.elements]
            missing = [each.is_not(None) for each in key.columns]
            query = select(func.count()).where(*missing, ~select(target).where(*on).exists())
            count += await connection.scalar(query) or 0
    await engine.dispose()
    return count


@pytest.mark.usefixtures("database_url")
async def test_every_resource_gets_rows() -> None:
    await seeds.insert(ROWS, 0)
    assert [name for name, rows in (await content()).items() if not rows] == []


@pytest.mark.usefixtures("database_url")
async def test_references_exist() -> None:
    await seeds.insert(ROWS, 0)
    assert [table.name for table in resources() if await dangling(table)] == []


@pytest.mark.usefixtures("database_url")
async def test_same_seed_twice_changes_nothing() -> None:
    await seeds.insert(ROWS, 0)
    before = await content()
    reports = await seeds.insert(ROWS, 0)
    assert [report.table for report in reports if report.inserted] == []
    assert await content() == before


@pytest.mark.usefixtures("database_url")
async def test_more_rows_of_same_seed_keep_earlier_rows() -> None:
    await seeds.insert(ROWS // 2, 0)
    before = await content()
    await seeds.insert(ROWS, 0)
    after = await content()
    assert [name for name, rows in before.items() if not set(rows) <= set(after[name])] == []


async def test_same_seed_in_other_database_inserts_equal_rows(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await databases.clone(database_url)
    await seeds.insert(ROWS, 0)
    rows = await content()
    monkeypatch.setenv("DATABASE_URL", other)
    await seeds.insert(ROWS, 0)
    assert await content() == rows
    await databases.drop(other)


@pytest.mark.usefixtures("database_url")
async def test_other_seed_inserts_other_rows() -> None:
    await seeds.insert(ROWS, 0)
    before = await content()
    await seeds.insert(ROWS, 1)
    after = await content()
    assert [name for name in before if not set(before[name]) <= set(after[name])] == []
    assert not before or sum(map(len, after.values())) > sum(map(len, before.values()))


async def test_api_lists_seed_rows(admin_headers: dict[str, str]) -> None:
    await seeds.insert(ROWS, 0)
    app = create_app()
    paths = [f"{PREFIX}/{table.name.replace('_', '-')}" for table in resources()]
    listed = [path for path in paths if "get" in app.openapi()["paths"].get(path, ())]
    transport = ASGITransport(app)
    async with lifespan(app), AsyncClient(transport=transport, base_url="http://test") as client:
        for path in listed:
            response = await client.get(path, headers=admin_headers)
            assert response.status_code == 200, response.text
            assert response.json()["items"]


@pytest.mark.usefixtures("database_url")
def test_command_prints_rows_of_each_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--rows", "1", "--seed", "7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    printed = {line.split()[0] for line in lines if line.endswith(" 1 rows")}
    assert printed >= {table.name for table in resources()}


@pytest.mark.usefixtures("production", "database_url")
def test_production_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed"]) == 2
    assert "`seed` does not run in production." in capsys.readouterr().err


@pytest.mark.usefixtures("database_url")
def test_external_database_without_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "")
    assert main(["seed"]) == 2
    assert "Set ENVIRONMENT=development." in capsys.readouterr().err


@pytest.mark.usefixtures("database_url")
def test_no_rows_are_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--rows", "0"]) == 2
    assert "--rows must be 1 or more." in capsys.readouterr().err
