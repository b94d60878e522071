"""Exports: every row that is wanted, and nothing that a spreadsheet would run."""

import csv
import json
from io import StringIO

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app import errors
from app.export import FORMULA, as_csv
from tests import jots
from tests.jots import URL, Jot, JotRead


async def rows(client: AsyncClient, **query: str) -> list[dict[str, str]]:
    """Export jots, and read them as a spreadsheet does."""
    exported = await client.get(f"{URL}/export", params=query)
    assert exported.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert exported.headers["Content-Disposition"] == 'attachment; filename="jots.csv"'
    return list(csv.DictReader(StringIO(exported.text, newline="")))


async def test_an_export_has_every_row_that_is_wanted(
    jot_client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jots, "BATCH", 2)
    made = [await jots.make(session, title=f"Tea {name}", amount="4.50") for name in "ABCDE"]
    await jots.make(session, title="Coffee")
    assert await rows(jot_client, search="tea") == [
        {"id": str(jot.id), "title": jot.title, "text": "", "amount": "4.50"}
        | {"kind": "idea", "extra": "", "follows_id": ""}
        for jot in made
    ]


@pytest.mark.parametrize("sign", FORMULA)
async def test_an_export_runs_no_formula(
    jot_client: AsyncClient, session: AsyncSession, sign: str
) -> None:
    await jots.make(session, text=f'{sign}HYPERLINK("//evil")', amount="-1.00")
    (row,) = await rows(jot_client)
    assert row["text"] == f'\'{sign}HYPERLINK("//evil")'
    assert row["amount"] == "-1.00"  # a number is none


async def test_an_export_of_nothing_has_its_header(jot_client: AsyncClient) -> None:
    exported = await jot_client.get(f"{URL}/export")
    assert exported.text == "id,title,text,amount,kind,extra,follows_id\r\n"


@pytest.mark.parametrize("kept", [{"=a": ["b", 1.5, None]}, []])
async def test_an_export_writes_json_as_json(
    jot_client: AsyncClient, session: AsyncSession, kept: object
) -> None:
    await jots.make(session, extra=kept)
    (row,) = await rows(jot_client)
    assert json.loads(row["extra"]) == kept


async def test_an_export_that_fails_at_first_is_told() -> None:
    async def refuse() -> list[Jot]:
        raise errors.Unavailable("No.")

    with pytest.raises(errors.Unavailable):
        await as_csv(JotRead, (await refuse() for _ in range(1)), "jots")
