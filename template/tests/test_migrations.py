"""Migrations: one line of revisions, from nothing to the models, there and back."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from app.main import create_app
from app.migrate import config, create, is_current, migrate, upgrade
from development import databases

REPLICAS = 3


@asynccontextmanager
async def connected(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[AsyncConnection, None]:
    """Name a database in the environment, and connect to it."""
    monkeypatch.setenv("DATABASE_URL", url)
    engine = create()
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


@pytest.fixture
async def empty(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[AsyncConnection, None]:
    """Connect to an empty database, which is as empty after the test."""
    async with connected(empty_url, monkeypatch) as connection:
        transaction = await connection.begin()
        yield connection
        await transaction.rollback()


@pytest.fixture
async def own(
    database_server: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[AsyncConnection, None]:
    """Connect to an empty database of the test's own, for what must really commit."""
    url = await databases.create(database_server)
    async with connected(url, monkeypatch) as connection:
        yield connection
    await databases.drop(url)


def tables(connection: Connection) -> set[str]:
    """Name the tables of a database."""
    return set(inspect(connection).get_table_names())


def run(action: Callable[..., None], *arguments: str) -> Callable[[Connection], None]:
    """Run one of Alembic's commands on a connection."""
    return lambda connection: action(config(connection), *arguments)


def test_there_is_one_newest_revision() -> None:
    heads = ScriptDirectory.from_config(config()).get_heads()
    assert len(heads) == 1, f"Join them: uv run alembic merge {' '.join(heads)}"


async def test_the_revisions_lead_to_the_models(empty: AsyncConnection) -> None:
    await empty.run_sync(upgrade)
    await empty.run_sync(run(command.check))


async def test_the_way_back_leads_to_nothing_and_forth_again(empty: AsyncConnection) -> None:
    await empty.run_sync(upgrade)
    before = await empty.run_sync(tables)
    await empty.run_sync(run(command.downgrade, "base"))
    assert await empty.run_sync(tables) == {"alembic_version"}
    await empty.run_sync(upgrade)
    assert await empty.run_sync(tables) == before


async def test_a_second_migration_has_nothing_to_do(own: AsyncConnection) -> None:
    assert not await own.run_sync(is_current)
    await own.rollback()
    assert await migrate()
    assert not await migrate()
    assert await own.run_sync(is_current)


async def test_the_service_does_not_migrate_as_it_starts(own: AsyncConnection) -> None:
    app = create_app()
    async with app.router.lifespan_context(app):
        assert await own.run_sync(tables) == set()


@pytest.mark.drill
async def test_replicas_that_start_at_once_migrate_once(own: AsyncConnection) -> None:
    replicas = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "migrate"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        for _ in range(REPLICAS)
    ]
    told = [(await replica.communicate())[0].decode() for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0] * REPLICAS, told
    assert await own.run_sync(is_current)
