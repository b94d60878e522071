"""Migrations: one line of revisions, from nothing to the models, there and back."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncConnection

from app.main import create_app
from app.migrate import config, create, is_current, migrate, upgrade
from development import databases

REPLICAS = 3


@pytest.fixture
async def empty(
    database_server: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[AsyncConnection, None]:
    """Make an empty database, name it in the environment, and connect to it."""
    url = await databases.create(database_server)
    monkeypatch.setenv("DATABASE_URL", url)
    engine = create()
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()
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


async def test_a_second_migration_has_nothing_to_do(empty: AsyncConnection) -> None:
    assert not await empty.run_sync(is_current)
    await empty.rollback()
    assert await migrate()
    assert not await migrate()
    assert await empty.run_sync(is_current)


async def test_the_service_does_not_migrate_as_it_starts(empty: AsyncConnection) -> None:
    app = create_app()
    async with app.router.lifespan_context(app):
        assert await empty.run_sync(tables) == set()


@pytest.mark.drill
async def test_replicas_that_start_at_once_migrate_once(empty: AsyncConnection) -> None:
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
    assert await empty.run_sync(is_current)
