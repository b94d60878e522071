"""Tests of values at the limits of JSON, of query parameters and of database columns."""

import json
from typing import Any

import pytest
from httpx2 import AsyncClient

from tests.support.sample_resource import URL, payload

JSON = {"Content-Type": "application/json"}
INSTANT = "2026-01-01T00:30:00.123456Z"
SAME_INSTANTS = ("2026-01-01T02:30:00.123456+02:00", "2026-01-01T00:30:00.123456789Z")


def body(**texts: str) -> str:
    """Return a JSON body in which each field has the given JSON text as its value."""
    fields = {name: json.dumps(value) for name, value in payload().items()} | texts
    return "{" + ", ".join(f'"{name}": {text}' for name, text in fields.items()) + "}"


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30, 1.5, "1e3"], ids=str)
async def test_integer_that_database_cannot_store_returns_422(
    jot_client: AsyncClient, number: object
) -> None:
    created = await jot_client.post(URL, json=payload(number=number))
    listed = await jot_client.get(URL, params={"number": str(number)})
    assert (created.status_code, listed.status_code) == (422, 422)


@pytest.mark.parametrize("query", ["page=9223372036854775808", "size=1e30", "page=-1"])
async def test_page_number_out_of_range_returns_422(jot_client: AsyncClient, query: str) -> None:
    assert (await jot_client.get(f"{URL}?{query}")).status_code == 422


async def test_largest_integers_are_stored(jot_client: AsyncClient) -> None:
    for number in (2**63 - 1, -(2**63)):
        created = await jot_client.post(URL, json=payload(number=number))
        assert created.json()["number"] == number
        assert (await jot_client.get(URL, params={"number": number})).json()["total"] == 1


@pytest.mark.usefixtures("jots_in_metadata")
@pytest.mark.parametrize("text", SAME_INSTANTS, ids=["offset", "nanoseconds"])
async def test_datetimes_of_one_instant_are_equal(jot_client: AsyncClient, text: str) -> None:
    created = await jot_client.post(URL, json=payload(due_at=text))
    assert created.json()["due_at"] == INSTANT
    duplicate = await jot_client.post(URL, json=payload(due_at=INSTANT))
    assert duplicate.status_code == 409
    for instant in (INSTANT, *SAME_INSTANTS):
        assert (await jot_client.get(URL, params={"due_at": instant})).json()["total"] == 1


async def test_datetime_without_time_zone_returns_422(jot_client: AsyncClient) -> None:
    created = await jot_client.post(URL, json=payload(due_at="2026-01-01T00:30:00"))
    assert created.status_code == 422


async def test_unencoded_plus_sign_in_query_returns_422(jot_client: AsyncClient) -> None:
    for sign, status in (("%2B", 200), ("+", 422)):
        listed = await jot_client.get(f"{URL}?due_at=2026-01-01T02:30:00{sign}02:00")
        assert listed.status_code == status


@pytest.mark.parametrize(
    "texts",
    [
        {"amount": "NaN"},
        {"amount": "-Infinity"},
        {"amount": "1e400"},
        {"number": "1e400"},
        {"extra": "[NaN]"},
        {"extra": '["\\ud800"]'},
        {"extra": '{"\\u0000": 1}'},
        {"title": '"\\ud800"'},
        {"title": '"\\u0000"'},
        {"text": '"a\\u0000"'},
        {"text": '"a'},
    ],
    ids=str,
)
async def test_value_outside_of_json_or_unicode_returns_4xx(
    jot_client: AsyncClient, texts: dict[str, str]
) -> None:
    response = await jot_client.post(URL, content=body(**texts), headers=JSON)
    assert response.status_code in {400, 422}


async def test_invalid_utf_8_returns_4xx(jot_client: AsyncClient) -> None:
    content = body(text='"é"').encode("latin-1")
    created = await jot_client.post(URL, content=content, headers=JSON)
    listed = await jot_client.get(f"{URL}?search=%ff%00")
    assert created.status_code == 400
    assert listed.status_code == 422


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
async def test_json_in_other_unicode_encoding_is_read(
    jot_client: AsyncClient, encoding: str
) -> None:
    content = body(text='"é😀"').encode(encoding)
    created = await jot_client.post(URL, content=content, headers=JSON)
    assert created.json()["text"] == "é😀"


@pytest.mark.parametrize(
    "number", ["12345678901234567890123", "9" * 4_200, "1e-7", "0.1"], ids=["23", "4200", "e", "f"]
)
async def test_json_field_preserves_digits_of_numbers(jot_client: AsyncClient, number: str) -> None:
    created = await jot_client.post(URL, content=body(extra=f"[{number}]"), headers=JSON)
    read: Any = await jot_client.get(created.headers["Location"])
    for response in (created, read):
        assert f'"extra":[{number}]' in response.text


@pytest.mark.usefixtures("jots_in_metadata")
@pytest.mark.parametrize(("code", "status"), [(None, 201), ("", 409), ("%s {x} '\"\\", 409)])
async def test_optional_unique_field_may_be_null_in_many_rows(
    jot_client: AsyncClient, code: str | None, status: int
) -> None:
    first, second = [await jot_client.post(URL, json=payload(code=code)) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, status)
    assert first.json()["code"] == code
