"""Tests of the local PostgreSQL server: its socket, its TCP port, and its client."""

import asyncio
import re
import socket
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from app.settings import CommandError
from development import postgresql
from tests.support.live_server import free_port


@pytest.fixture
def directory() -> Generator[Path, None, None]:
    """Return an empty directory whose path is short enough for that of a socket."""
    with TemporaryDirectory() as path:
        yield Path(path)


async def answers(url: str) -> bool:
    """Return whether a server answers a query."""
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        await connection.close()


def test_local_server_has_same_url_at_each_start(directory: Path) -> None:
    for _ in range(2):
        with postgresql.persistent(directory) as url:
            assert f"host={directory}&" in url
            assert asyncio.run(answers(url))
            assert (directory / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
            with postgresql.persistent(directory) as other:
                assert other == url


def test_local_server_in_long_directory_has_socket_in_cache(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(directory))
    with postgresql.persistent(tmp_path / ("long" * 30)) as url:
        assert f"host={directory}/.cache/app-" in url
        assert asyncio.run(answers(url))


def test_port_of_local_server_requires_printed_password(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with postgresql.persistent(directory, port):
        printed = re.search(r"postgresql://postgres:(\S+)@\S+", capsys.readouterr().out)
        assert printed
        assert asyncio.run(answers(printed[0]))
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(answers(printed[0].replace(printed[1], "wrong")))
        with (
            pytest.raises(CommandError, match="stop the command"),
            postgresql.persistent(directory, free_port()),
        ):
            pass


def test_used_port_of_local_server_is_rejected(directory: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(CommandError, match="is in use"),
        postgresql.persistent(directory, listener.getsockname()[1]),
    ):
        pass


def test_client_gets_password_in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+asyncpg://app:geheim@db:5433/shop?sslmode=require&pgbouncer=false"
    monkeypatch.setenv("DATABASE_URL", url)
    command, variables = postgresql.client("SELECT 1")
    assert command[1:] == [
        *("--dbname", "postgresql://app@db:5433/shop?sslmode=require"),
        *("--command", "SELECT 1"),
    ]
    assert variables == {"PGPASSWORD": "geheim"}


def test_client_of_wheel_replaces_missing_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost/app")
    command, _ = postgresql.client(None)
    assert Path(command[0]).is_file()
