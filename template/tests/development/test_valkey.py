"""Tests of the Valkey server of `app dev`, and of the connection pool."""

import asyncio
import os

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy import make_url

from app import valkey
from development.valkey import beside
from tests.support.timeouts import wait_until

FIRST, SECOND = "FIRST_URL", "SECOND_URL"
LAST = b"last"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset the environment variables of the Valkey URLs."""
    for name in (FIRST, SECOND):
        monkeypatch.setenv(name, "")


async def test_dev_with_unset_valkey_url_starts_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FIRST, "redis://valkey.example.com")
    with beside(FIRST, SECOND):
        assert os.environ[FIRST] == "redis://valkey.example.com"
        async with Redis.from_url(os.environ[SECOND]) as client:
            assert await client.ping()


def test_dev_with_configured_valkey_urls_starts_no_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (FIRST, SECOND):
        monkeypatch.setenv(name, "redis://valkey.example.com")
    with beside(FIRST, SECOND):
        assert os.environ[SECOND] == "redis://valkey.example.com"
    assert "set by FIRST_URL and SECOND_URL" in capsys.readouterr().out


def test_dev_without_installed_valkey_starts_no_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("development.valkey.find_spec", lambda _: None)
    with beside(FIRST):
        assert not os.environ[FIRST]
    assert "not installed" in capsys.readouterr().out


async def received_commands(*, silent: bool) -> list[bytes]:
    """Send a command to a silent or disconnecting server; return the data that arrived there."""
    received = list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(4096))
        if silent:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        pool = valkey.connection_pool(
            make_url(f"redis://127.0.0.1:{port}"), 0.1 if silent else None
        )
        with pytest.raises(RedisTimeoutError if silent else RedisConnectionError):
            await Redis(connection_pool=pool).get("something")
        await pool.aclose()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LAST)
        await wait_until(lambda: LAST in received)  # all earlier commands have arrived
        writer.close()
    return [command for command in received if command != LAST]


async def test_valkey_command_is_not_retried_after_timeout() -> None:
    assert len(await received_commands(silent=True)) == 1


async def test_valkey_command_is_retried_after_broken_connection() -> None:
    assert len(await received_commands(silent=False)) > 1
