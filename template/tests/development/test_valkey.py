"""The Valkey of `app dev`, and connections to one."""

import asyncio
import os

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import TimeoutError as Late
from sqlalchemy import make_url

from app import valkey
from development.valkey import beside
from tests.support.timeouts import wait_until

FIRST, SECOND = "FIRST_URL", "SECOND_URL"
LAST = b"last"


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name no server, but for one test."""
    for name in (FIRST, SECOND):
        monkeypatch.setenv(name, "")


async def test_it_answers_whoever_is_given_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FIRST, "redis://valkey.example.com")
    with beside(FIRST, SECOND):
        assert os.environ[FIRST] == "redis://valkey.example.com"
        async with Redis.from_url(os.environ[SECOND]) as client:
            assert await client.ping()


def test_where_all_are_given_none_is_brought(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (FIRST, SECOND):
        monkeypatch.setenv(name, "redis://valkey.example.com")
    with beside(FIRST, SECOND):
        assert os.environ[SECOND] == "redis://valkey.example.com"
    assert "the one that FIRST_URL and SECOND_URL name" in capsys.readouterr().out


def test_where_there_is_no_wheel_none_is_brought(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("development.valkey.find_spec", lambda _: None)
    with beside(FIRST):
        assert not os.environ[FIRST]
    assert "none is here" in capsys.readouterr().out


async def asked(*, silent: bool) -> list[bytes]:
    """Ask a server that takes all and never answers, or hangs up; give what it was sent."""
    sent = list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await reader.read(4096))
        if silent:
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        pool = valkey.connection_pool(
            make_url(f"redis://127.0.0.1:{port}"), 0.1 if silent else None
        )
        with pytest.raises(Late if silent else Broken):
            await Redis(connection_pool=pool).get("something")
        await pool.aclose()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LAST)
        await wait_until(lambda: LAST in sent)  # so that whatever was sent before has arrived
        writer.close()
    return [command for command in sent if command != LAST]


async def test_who_did_not_answer_in_time_is_not_asked_again() -> None:
    assert len(await asked(silent=True)) == 1


async def test_a_connection_that_broke_is_made_anew() -> None:
    assert len(await asked(silent=False)) > 1
