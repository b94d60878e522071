"""Tests of change events: published after each commit, for changed rows only."""

from collections.abc import Generator, Sequence
from uuid import UUID

import pytest
from sqlalchemy import Column, ForeignKey, MetaData, Table, delete, update

from app.changes import Change, Kind, changes_by_database
from app.deletion import SOFT_DELETE
from tests.support.changes import recorded
from tests.support.live_server import Live
from tests.support.sample_resource import URL, Jot

Changes = list[Change]


@pytest.fixture
def changes(live: Live) -> Generator[Changes, None, None]:
    """Record the changes that the service publishes during a test."""
    with recorded(live.app) as published:
        yield published


async def create(live: Live, title: str = "one") -> UUID:
    """Create a jot by an HTTP request; return its id."""
    response = await live.client.post(URL, json={"title": title})
    return UUID(response.raise_for_status().json()["id"])


async def test_request_publishes_rows_that_it_changed(live: Live, changes: Changes) -> None:
    jot_id = await create(live)
    assert changes == [Change("jots", Kind.CREATED, jot_id)]
    await live.client.patch(f"{URL}/{jot_id}", json={"text": "new"})
    await live.client.delete(f"{URL}/{jot_id}")
    assert changes[1:] == [
        Change("jots", Kind.UPDATED, jot_id),
        Change("jots", Kind.DELETED, jot_id),
    ]


async def test_unchanged_row_is_not_published(live: Live, changes: Changes) -> None:
    jot_id = await create(live)
    await live.client.patch(f"{URL}/{jot_id}", json={"text": None})
    await live.client.get(f"{URL}/{jot_id}")
    assert [change.kind for change in changes] == [Kind.CREATED]


@pytest.mark.usefixtures("jots_in_metadata")
async def test_failed_request_publishes_no_changes(live: Live, changes: Changes) -> None:
    await create(live)
    response = await live.client.post(URL, json={"title": "one"})
    assert response.status_code == 409
    assert len(changes) == 1


async def test_change_is_published_only_after_commit(live: Live, changes: Changes) -> None:
    async with live.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
        await session.flush()
        assert changes == []
    assert len(changes) == 1


async def test_rollback_publishes_no_changes(live: Live, changes: Changes) -> None:
    async with live.app.state.sessions.begin() as session:
        session.add(Jot(title="one"))
        await session.flush()
        await session.rollback()
    assert changes == []


async def test_change_by_bulk_statement_is_published_without_row_id(
    live: Live, changes: Changes
) -> None:
    async with live.app.state.sessions.begin() as session:
        await session.execute(update(Jot).values(text="new"))
        await session.execute(delete(Jot))
    assert changes == [Change("jots", Kind.UPDATED), Change("jots", Kind.DELETED)]


async def test_bulk_soft_delete_is_published_as_deletion(live: Live, changes: Changes) -> None:
    async with live.app.state.sessions.begin() as session:
        statement = update(Jot).values(text="deleted")
        await session.execute(statement, execution_options=SOFT_DELETE)
    assert changes == [Change("jots", Kind.DELETED)]


async def test_failing_listener_is_logged_and_next_listener_is_called(
    live: Live, changes: Changes, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Sequence[Change]) -> None:
        raise ZeroDivisionError

    live.app.state.listeners.insert(0, fail)
    await create(live)
    live.app.state.listeners.remove(fail)
    assert len(changes) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_deletion_publishes_changes_by_on_delete_of_database() -> None:
    metadata = MetaData()

    def table(name: str, target: str, rule: str) -> Table:
        reference: Column[int] = Column("reference", ForeignKey(f"{target}.id", ondelete=rule))
        return Table(name, metadata, Column("id", primary_key=True), reference)

    rooms = table("rooms", "rooms", "RESTRICT")
    table("stays", "rooms", "CASCADE")
    table("ratings", "stays", "CASCADE")
    table("photos", "ratings", "SET NULL")
    table("votes", "photos", "CASCADE")  # photos are not deleted
    assert list(changes_by_database(rooms)) == [
        Change("stays", Kind.DELETED),
        Change("ratings", Kind.DELETED),
        Change("photos", Kind.UPDATED),
    ]
