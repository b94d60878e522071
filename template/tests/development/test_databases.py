"""Tests of the local database, which all commands of a checkout share."""

import asyncio
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import select

from app import migrate
from app.__main__ import main
from app.settings import CommandError
from development import commands
from tests.support.checkout import copy_checkout, run_command


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use a temporary directory for the local database."""
    monkeypatch.setenv("DATABASE_URL", "")
    directory = tmp_path / ".dev"
    monkeypatch.setattr(commands, "LOCAL", directory)
    monkeypatch.setattr(commands, "UPDATE", directory / "update")
    return directory


async def is_current() -> bool:
    """Return whether the database is at the newest revision."""
    async with migrate.connected() as connection:
        return await connection.run_sync(migrate.is_current)


@pytest.mark.drill
async def test_commands_share_local_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("ENVIRONMENT", "")
    copy = copy_checkout(tmp_path)
    assert "Migrated." in await run_command(copy, "migrate")
    assert "✓" in await run_command(copy, "check")
    await run_command(copy, "db", "CREATE TABLE _jots (id INTEGER)")
    assert "40320" in await run_command(copy, "db", "SELECT 40320 FROM alembic_version")
    assert "empty" in await run_command(copy, "reset", "--yes")
    await run_command(copy, "db", "CREATE TABLE _jots (id INTEGER)")  # fails if it exists


@pytest.mark.parametrize("command", ["migrate", "check"])
def test_command_in_production_starts_no_local_database(
    local: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert main([command]) != 0
    assert "DATABASE_URL: missing" in capsys.readouterr().err
    assert not local.exists()


def test_option_of_local_database_with_database_url_is_rejected(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "set")
    with pytest.raises(CommandError, match="--db-port is an option of the local database"):
        commands.serve(8000, db_port=5433)
    assert not local.exists()


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_reset_without_confirmation_changes_nothing(
    local: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.mkdir()
    (local / "note").touch()
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    with pytest.raises(CommandError, match="--yes"):
        commands.reset(is_confirmed=False)
    assert (local / "note").exists()


def test_reset_after_confirmation_deletes_data_but_no_update(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (local / "update").mkdir(parents=True)
    (local / "other").mkdir()
    (local / "note").touch()
    (local / "app.db").write_text("damaged")
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    assert commands.reset(is_confirmed=False) == 0
    assert (local / "update").exists()
    assert not (local / "other").exists()
    assert not (local / "note").exists()
    with commands.database():
        assert asyncio.run(is_current())


async def reset_while_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset the local database while another command is connected to it."""
    async with migrate.connected() as connection:
        await connection.execute(select(1))
        with monkeypatch.context() as patch:
            patch.setenv("DATABASE_URL", "")
            commands.reset(is_confirmed=True)


def test_reset_of_used_database_is_rejected(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with commands.database(), pytest.raises(CommandError, match="in use"):
        asyncio.run(reset_while_connected(monkeypatch))
    assert local.exists()


def test_reset_of_external_database_is_rejected(
    local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "set")
    with pytest.raises(CommandError, match="unset DATABASE_URL"):
        commands.reset(is_confirmed=True)
    assert not local.exists()
