"""The database: sessions, and the promise that the tests touch no database but their own."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    delete,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app import settings
from app.database import flush, lock_references
from app.errors import Conflict, Invalid
from app.main import create_app
from development import databases
from tests.support import sample_resource, tables
from tests.support.live_server import Live
from tests.support.sample_resource import URL, Jot


async def count(session: AsyncSession) -> int:
    """Count the jots."""
    return await session.scalar(select(func.count()).select_from(Jot)) or 0


@pytest.mark.parametrize("attempt", [1, 2])
async def test_tests_do_not_meet_what_others_kept(session: AsyncSession, attempt: int) -> None:
    assert await count(session) == 0, attempt
    await sample_resource.make(session, title="Same")
    assert await count(session) == 1


async def test_a_reader_sees_what_is_committed(live: Live) -> None:
    async with live.app.state.sessions() as writer, live.app.state.readers() as reader:
        assert await count(reader) == 0
        await sample_resource.make(writer)
        writer.add(Jot(**sample_resource.payload()))
        await writer.flush()
        assert await count(reader) == 1


@pytest.mark.usefixtures("listed_jots")
async def test_a_clash_is_a_conflict_that_names_the_fields(jot_client: AsyncClient) -> None:
    made = await jot_client.post(URL, json=sample_resource.payload(title="Taken"))
    again = await jot_client.post(URL, json=sample_resource.payload(title="Taken"))
    assert (made.status_code, again.status_code) == (201, 409)
    assert again.json()["detail"] == "There is one with this title already."
    assert again.json()["errors"] == [
        {"location": "body.title", "message": "It is taken.", "code": "unique"}
    ]
    assert (await jot_client.get(made.headers["Location"])).json() == made.json()


@pytest.mark.usefixtures("listed_jots")
async def test_a_key_that_is_taken_is_a_conflict(session: AsyncSession) -> None:
    kept = await sample_resource.make(session)
    session.expunge(kept)
    session.add(Jot(**sample_resource.payload(), id=kept.id))
    with pytest.raises(Conflict, match="one with this id already"):
        await flush(session)
    await session.rollback()


@pytest.mark.usefixtures("listed_jots")
async def test_what_breaks_another_rule_is_no_conflict(session: AsyncSession) -> None:
    session.add(Jot(**sample_resource.payload(), kind=literal_column("'poem'")))
    with pytest.raises(IntegrityError):
        await flush(session)
    await session.rollback()


async def test_a_reference_to_nothing_is_refused(jot_client: AsyncClient) -> None:
    refused = await jot_client.post(URL, json=sample_resource.payload(follows_id=str(uuid4())))
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"location": "body.follows_id", "message": "It is not there.", "code": "reference"}
    ]


async def test_a_reference_to_what_counts_as_removed_is_refused(session: AsyncSession) -> None:
    kept = await sample_resource.make(session)
    await lock_references(session, Jot, {"follows_id": kept.id})
    vars(kept)["deleted_at"] = datetime.now(UTC)  # a column of some tables, but not of this one
    with pytest.raises(Invalid):
        await lock_references(session, Jot, {"follows_id": kept.id})


async def test_what_others_refer_to_stays(jot_client: AsyncClient, session: AsyncSession) -> None:
    first = await sample_resource.make(session)
    made = await jot_client.post(URL, json=sample_resource.payload(follows_id=str(first.id)))
    assert made.json()["follows_id"] == str(first.id)
    assert (await jot_client.delete(f"{URL}/{first.id}")).status_code == 409
    assert (await jot_client.delete(made.headers["Location"])).status_code == 204
    assert (await jot_client.delete(f"{URL}/{first.id}")).status_code == 204
    assert (await jot_client.delete(f"{URL}/{first.id}")).status_code == 404


def test_a_service_without_its_database_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "nowhere")
    with pytest.raises(settings.ConfigurationError, match="^DATABASE_URL: "):
        create_app()


async def test_the_tests_database_is_their_own(app: FastAPI) -> None:
    assert "test" in app.state.engine.url.database


async def test_only_a_test_database_is_dropped(database_server: str) -> None:
    with pytest.raises(ValueError, match="it stays"):
        await databases.drop(database_server)


async def test_a_copy_does_not_touch_its_original(live: Live, session: AsyncSession) -> None:
    async with live.app.state.sessions.begin() as other:
        await other.execute(delete(Jot))
        other.add(Jot(**sample_resource.payload()))
    assert await count(session) == 0


async def test_tables_are_emptied_though_they_refer_to_one_another(session: AsyncSession) -> None:
    metadata = MetaData()

    def reference(name: str, table: str, *, nullable: bool = True) -> Column[int]:
        key = ForeignKey(f"{table}.id", ondelete="RESTRICT", name=f"fk_{name}")
        return Column(name, key, nullable=nullable)

    def key() -> Column[int]:
        return Column("id", Integer, primary_key=True)

    above, head = reference("above", "_teams"), reference("head", "_people")
    people = Table("_people", metadata, key(), reference("team", "_teams", nullable=False))
    teams = Table("_teams", metadata, key(), above, head)
    connection = await session.connection()
    await connection.run_sync(metadata.create_all)
    await connection.execute(insert(teams).values(id=1))
    await connection.execute(insert(people).values(id=1, team=1))
    await connection.execute(teams.update().values(head=1))
    await connection.execute(insert(teams).values(id=2, above=1))
    await tables.empty(connection, metadata)
    for table in (teams, people):
        assert await connection.scalar(select(func.count()).select_from(table)) == 0
