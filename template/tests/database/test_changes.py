"""What a commit changed is told, and nothing else."""

from collections.abc import Generator, Sequence
from uuid import UUID

import pytest
from sqlalchemy import delete, update

from app.changes import Change, Kind, subscribe
from tests.support.live_server import Live
from tests.support.sample_resource import URL, Jot

Told = list[Change]


@pytest.fixture
def told(live: Live) -> Generator[Told, None, None]:
    """List what is told while a test runs."""
    heard: Told = []
    subscribe(live.app, heard.extend)
    yield heard
    live.app.state.listeners.remove(heard.extend)


async def make(live: Live, title: str = "one") -> UUID:
    """Make a jot, as a client does."""
    answer = await live.client.post(URL, json={"title": title})
    return UUID(answer.raise_for_status().json()["id"])


async def test_what_a_request_changes_is_told_once(live: Live, told: Told) -> None:
    made = await make(live)
    assert told == [Change("jots", Kind.CREATED, made)]
    await live.client.patch(f"{URL}/{made}", json={"text": "new"})
    await live.client.delete(f"{URL}/{made}")
    assert told[1:] == [Change("jots", Kind.UPDATED, made), Change("jots", Kind.DELETED, made)]


async def test_what_stays_the_same_is_not_told(live: Live, told: Told) -> None:
    made = await make(live)
    await live.client.patch(f"{URL}/{made}", json={"text": None})
    await live.client.get(f"{URL}/{made}")
    assert [change.kind for change in told] == [Kind.CREATED]


@pytest.mark.usefixtures("listed_jots")
async def test_what_is_refused_is_not_told(live: Live, told: Told) -> None:
    await make(live)
    answer = await live.client.post(URL, json={"title": "one"})
    assert answer.status_code == 409
    assert len(told) == 1


async def test_it_is_told_once_it_can_be_read(live: Live, told: Told) -> None:
    async with live.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
        await session.flush()
        assert told == []
    assert len(told) == 1


async def test_what_is_rolled_back_is_not_told(live: Live, told: Told) -> None:
    async with live.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
        await session.flush()
        await session.rollback()
    assert told == []


async def test_a_statement_that_changes_many_rows_is_told_without_them(
    live: Live, told: Told
) -> None:
    async with live.app.state.sessions.begin() as session:
        await session.execute(update(Jot).values(text="new"))
        await session.execute(delete(Jot))
    assert told == [Change("jots", Kind.UPDATED), Change("jots", Kind.DELETED)]


async def test_one_that_fails_keeps_no_other_from_hearing(
    live: Live, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Sequence[Change]) -> None:
        raise ZeroDivisionError

    live.app.state.listeners.insert(0, fail)
    await make(live)
    live.app.state.listeners.remove(fail)
    assert len(told) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
