"""The Valkey of `app dev`."""

import os

import pytest
from redis.asyncio import Redis

from development.valkey import beside

FIRST, SECOND = "FIRST_URL", "SECOND_URL"


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
