"""Exports: every row that is wanted, and nothing that a spreadsheet would run."""

import csv
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from io import StringIO

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app import errors
from app.export import stream_csv
from app.schemas.base import ReadSchema
from tests.support import sample_resource
from tests.support.sample_resource import URL, Jot, JotRead


async def rows(client: AsyncClient, **query: str) -> list[dict[str, str]]:
    """Export jots, and read them as a spreadsheet does."""
    exported = await client.get(f"{URL}/export", params=query)
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert exported.headers["Content-Disposition"] == 'attachment; filename="jots.csv"'
    return list(csv.DictReader(StringIO(exported.text, newline="")))


async def test_an_export_has_every_row_that_is_wanted(
    jot_client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_resource, "BATCH", 2)
    made = [
        await sample_resource.make(session, title=f"Tea {name}", amount="4.50") for name in "ABCDE"
    ]
    await sample_resource.make(session, title="Coffee")
    assert await rows(jot_client, search="tea") == [
        {"id": str(jot.id), "title": jot.title, "text": "", "amount": "4.50"}
        | {"kind": "idea", "extra": "", "follows_id": ""}
        for jot in made
    ]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
async def test_an_export_runs_no_formula(
    jot_client: AsyncClient, session: AsyncSession, sign: str
) -> None:
    await sample_resource.make(session, text=f'{sign}HYPERLINK("//evil")', amount="-1.00")
    (row,) = await rows(jot_client)
    assert row["text"] == f'\'{sign}HYPERLINK("//evil")'
    assert row["amount"] == "-1.00"  # a number is none


async def test_an_export_of_nothing_has_its_header(jot_client: AsyncClient) -> None:
    exported = await jot_client.get(f"{URL}/export")
    assert exported.text == "id,title,text,amount,kind,extra,follows_id\r\n"


@pytest.mark.parametrize("kept", [{"=a": ["é", 1.5, None]}, []])
async def test_an_export_writes_json_as_json(
    jot_client: AsyncClient, session: AsyncSession, kept: object
) -> None:
    await sample_resource.make(session, extra=kept)
    (row,) = await rows(jot_client)
    assert json.loads(row["extra"]) == kept
    assert "\\u" not in row["extra"]  # readable


async def test_export_writes_time_as_json_does() -> None:
    class Dated(ReadSchema):
        at: datetime

    class Row:
        at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

    async def batches() -> AsyncGenerator[list[Row], None]:
        yield [Row()]

    exported = await stream_csv(Dated, batches(), "dates")
    text = "".join([str(part) async for part in exported.body_iterator])
    assert text == "at\r\n2030-01-02T03:04:05Z\r\n"


def test_export_is_documented_as_csv(jot_app: FastAPI) -> None:
    answer = jot_app.openapi()["paths"][f"{URL}/export"]["get"]["responses"]["200"]
    assert answer["content"] == {"text/csv": {"schema": {"type": "string"}}}


async def test_an_export_that_fails_at_first_is_told() -> None:
    async def refuse() -> list[Jot]:
        raise errors.Unavailable("No.")

    with pytest.raises(errors.Unavailable):
        await stream_csv(JotRead, (await refuse() for _ in range(1)), "jots")
