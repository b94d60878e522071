"""Tests of sessions, constraint errors, and the isolation of test databases."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
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
from app.constraints import duplicate, label
from app.database import flush, lock_references
from app.errors import Conflict, Invalid
from app.main import create_app
from app.models.base import enum_check
from development import databases
from tests.support import sample_resource, tables
from tests.support.live_server import Live
from tests.support.sample_resource import URL, Jot


async def count(session: AsyncSession) -> int:
    """Return the number of rows in the table `jots`."""
    return await session.scalar(select(func.count()).select_from(Jot)) or 0


@pytest.mark.parametrize("attempt", [1, 2])
async def test_rows_from_earlier_test_are_rolled_back(session: AsyncSession, attempt: int) -> None:
    assert await count(session) == 0, attempt
    await sample_resource.make(session, title="Same")
    assert await count(session) == 1


async def test_read_session_sees_only_committed_rows(live: Live) -> None:
    async with live.app.state.sessions() as writer, live.app.state.readers() as reader:
        assert await count(reader) == 0
        await sample_resource.make(writer)
        writer.add(Jot(**sample_resource.payload()))
        await writer.flush()
        assert await count(reader) == 1


@pytest.mark.usefixtures("jots_in_metadata")
async def test_create_duplicate_returns_409_with_duplicate_value(jot_client: AsyncClient) -> None:
    created = await jot_client.post(URL, json=sample_resource.payload(title="Taken"))
    duplicate = await jot_client.post(URL, json=sample_resource.payload(title="Taken"))
    assert (created.status_code, duplicate.status_code) == (201, 409)
    assert duplicate.json()["detail"] == "A jot with title Taken already exists."
    assert duplicate.json()["errors"] == [
        {"location": "body.title", "message": "Already in use.", "code": "unique"}
    ]
    assert (await jot_client.get(created.headers["Location"])).json() == created.json()


@pytest.mark.usefixtures("jots_in_metadata")
async def test_update_to_duplicate_error_names_field_and_value(session: AsyncSession) -> None:
    await sample_resource.make(session, title="Taken")
    jot = await sample_resource.make(session)
    jot.title = "Taken"
    with pytest.raises(Conflict, match="^A jot with title Taken already exists.$"):
        await flush(session)
    await session.rollback()


@pytest.mark.usefixtures("jots_in_metadata")
async def test_duplicate_error_for_several_rows_names_only_field(
    session: AsyncSession,
) -> None:
    await sample_resource.make(session, title="Taken")
    session.add_all([Jot(title="Taken"), Jot(title="Free")])
    with pytest.raises(Conflict, match="^A jot with title already exists.$"):
        await flush(session)
    await session.rollback()


def test_duplicate_error_writes_decimal_without_exponent() -> None:
    key = Jot.metadata.tables["jots"].primary_key
    error = duplicate(key, [("jots", {"id": Decimal("1E-8")})])
    assert "with id 0.00000001 already exists" in error.detail


@pytest.mark.usefixtures("jots_in_metadata")
async def test_duplicate_primary_key_raises_conflict(session: AsyncSession) -> None:
    jot = await sample_resource.make(session)
    session.expunge(jot)
    session.add(Jot(**sample_resource.payload(), id=jot.id))
    with pytest.raises(Conflict, match=f"^A jot with id {jot.id} already exists.$"):
        await flush(session)
    await session.rollback()


@pytest.mark.usefixtures("jots_in_metadata")
async def test_violated_check_constraint_raises_integrity_error(session: AsyncSession) -> None:
    session.add(Jot(**sample_resource.payload(), kind=literal_column("'poem'")))
    with pytest.raises(IntegrityError):
        await flush(session)
    await session.rollback()


async def test_create_with_unknown_reference_returns_422(jot_client: AsyncClient) -> None:
    payload = sample_resource.payload(follows_id=str(uuid4()))
    response = await jot_client.post(URL, json=payload)
    assert response.status_code == 422
    assert response.json()["detail"] == "Referenced jot does not exist."
    assert response.json()["errors"] == [
        {"location": "body.follows_id", "message": "Jot does not exist.", "code": "reference"}
    ]


async def test_create_referencing_soft_deleted_row_is_rejected(session: AsyncSession) -> None:
    jot = await sample_resource.make(session)
    await lock_references(session, Jot, {"follows_id": jot.id})
    vars(jot)["deleted_at"] = datetime.now(UTC)  # a column of other tables
    with pytest.raises(Invalid):
        await lock_references(session, Jot, {"follows_id": jot.id})


@pytest.mark.usefixtures("jots_in_metadata")
async def test_delete_of_referenced_row_returns_409(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    first = await sample_resource.make(session)
    payload = sample_resource.payload(follows_id=str(first.id))
    created = await jot_client.post(URL, json=payload)
    assert created.json()["follows_id"] == str(first.id)
    response = await jot_client.delete(f"{URL}/{first.id}")
    assert response.status_code == 409
    message = "Cannot delete: jots reference this jot."
    assert response.json()["detail"] == f"{message} Delete them first, or set follows_id to null."
    assert (await jot_client.delete(created.headers["Location"])).status_code == 204
    assert (await jot_client.delete(f"{URL}/{first.id}")).status_code == 204
    assert (await jot_client.delete(f"{URL}/{first.id}")).status_code == 404


def test_enum_check_names_differ_by_signs_of_values() -> None:
    def name(*values: str) -> object:
        define: Any = StrEnum
        kind = define("Grade", list(zip("ab", values, strict=True)))
        return enum_check("grade", kind).name

    assert name("A+", "B") == "grade_a_b"
    assert len({name("A+", "A-"), name("A-", "A+"), name("A", "a"), name("A", "-")}) == 4


def test_label_of_table_is_resource_name_or_table_name() -> None:
    assert label(Jot.metadata.tables["jots"]) == "jot"
    assert label(Table("room_tags", MetaData())) == "room tags"  # without a model


def test_invalid_database_url_raises_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "nowhere")
    with pytest.raises(settings.ConfigurationError, match="^DATABASE_URL: "):
        create_app()


async def test_application_under_test_uses_test_database(app: FastAPI) -> None:
    assert "test" in app.state.engine.url.database


async def test_drop_rejects_database_not_created_by_tests(database_server: str) -> None:
    with pytest.raises(ValueError, match="not created by a test"):
        await databases.drop(database_server)


async def test_rows_in_cloned_database_are_not_in_other_clones(
    live: Live, session: AsyncSession
) -> None:
    async with live.app.state.sessions.begin() as other:
        await other.execute(delete(Jot))
        other.add(Jot(**sample_resource.payload()))
    assert await count(session) == 0


async def test_empty_tables_deletes_rows_with_cyclic_foreign_keys(session: AsyncSession) -> None:
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
