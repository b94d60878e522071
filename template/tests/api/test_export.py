"""Tests of CSV exports: filters, batches, and CSV injection (OWASP)."""

import csv
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from decimal import Decimal
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
    """Export the jots as CSV; return the rows."""
    response = await client.get(f"{URL}/export", params=query)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="jots.csv"'
    return list(csv.DictReader(StringIO(response.text, newline="")))


async def test_export_contains_all_matching_rows(
    jot_client: AsyncClient, session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_resource, "BATCH", 2)
    jots = [
        await sample_resource.make(session, title=f"Tea {name}", amount="4.50") for name in "ABCDE"
    ]
    await sample_resource.make(session, title="Coffee")
    assert await rows(jot_client, search="tea") == [
        {"id": str(jot.id), "title": jot.title, "text": "", "amount": "4.50"}
        | {"kind": "idea", "extra": "", "follows_id": "", "code": "", "due_at": "", "number": ""}
        for jot in jots
    ]


@pytest.mark.parametrize("sign", [*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20"])
async def test_export_escapes_formulas(
    jot_client: AsyncClient, session: AsyncSession, sign: str
) -> None:
    await sample_resource.make(session, text=f'{sign}HYPERLINK("//evil")', amount="-1.00")
    (row,) = await rows(jot_client)
    assert row["text"] == f'\'{sign}HYPERLINK("//evil")'
    assert row["amount"] == "-1.00"  # a number is not a formula


async def test_empty_export_has_header_row(jot_client: AsyncClient) -> None:
    response = await jot_client.get(f"{URL}/export")
    assert response.text == "id,title,text,amount,kind,extra,follows_id,code,due_at,number\r\n"


@pytest.mark.parametrize("value", [{"=a": ["é", 1.5, None]}, []])
async def test_export_writes_json_without_unicode_escapes(
    jot_client: AsyncClient, session: AsyncSession, value: object
) -> None:
    await sample_resource.make(session, extra=value)
    (row,) = await rows(jot_client)
    assert json.loads(row["extra"]) == value
    assert "\\u" not in row["extra"]


async def test_export_preserves_quotes_and_line_breaks(
    jot_client: AsyncClient, session: AsyncSession
) -> None:
    text = 'He said "no", then:\r\n\n;\tnothing'
    await sample_resource.make(session, text=text)
    (row,) = await rows(jot_client)
    assert row["text"] == text


async def test_export_writes_decimals_without_exponent() -> None:
    class Rate(ReadSchema):
        value: Decimal

    class Row:
        value = Decimal("-1E-8")

    async def batches() -> AsyncGenerator[list[Row], None]:
        yield [Row()]

    response = await stream_csv(Rate, batches(), "rates")
    text = "".join([str(part) async for part in response.body_iterator])
    assert text == "value\r\n-0.00000001\r\n"


async def test_export_writes_datetimes_in_json_format() -> None:
    class Dated(ReadSchema):
        at: datetime

    class Row:
        at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

    async def batches() -> AsyncGenerator[list[Row], None]:
        yield [Row()]

    response = await stream_csv(Dated, batches(), "dates")
    text = "".join([str(part) async for part in response.body_iterator])
    assert text == "at\r\n2030-01-02T03:04:05Z\r\n"


def test_export_is_documented_as_csv(jot_app: FastAPI) -> None:
    response = jot_app.openapi()["paths"][f"{URL}/export"]["get"]["responses"]["200"]
    assert response["content"] == {"text/csv": {"schema": {"type": "string"}}}


async def test_export_raises_first_batch_error() -> None:
    async def fail() -> list[Jot]:
        raise errors.Unavailable("No.")

    with pytest.raises(errors.Unavailable):
        await stream_csv(JotRead, (await fail() for _ in range(1)), "jots")
