"""What goes over the wire: nothing that is not asked for, and no text that cannot be kept."""

from datetime import UTC, datetime, time
from typing import Annotated, Any

import pytest
from httpx2 import AsyncClient
from pydantic import TypeAdapter, ValidationError

from app.schemas.base import BigInteger, Integer, Json, Link, Moment, Number, TimeOfDay, places
from tests.support.sample_resource import URL, payload


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "   "), ("title", "two\nlines"), ("text", "\x00"), ("colour", "green")],
)
async def test_what_does_not_fit_is_refused(
    jot_client: AsyncClient, field: str, value: str
) -> None:
    refused = await jot_client.post(URL, json=payload(**{field: value}))
    assert refused.status_code == 422
    assert [error["location"] for error in refused.json()["errors"]] == [f"body.{field}"]


async def test_text_is_kept_as_it_is_but_a_line_is_trimmed(jot_client: AsyncClient) -> None:
    made = await jot_client.post(URL, json=payload(title="  Tea ", text=" two\nlines "))
    assert (made.json()["title"], made.json()["text"]) == ("Tea", " two\nlines ")


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Integer, 2**31),
        (Integer, -(2**31) - 1),
        (BigInteger, 2**63),
        (BigInteger, -(2**63) - 1),
        (Json, "text"),
        (Json, {"a": "\x00"}),
        (Json, ["\ud800"]),
        (Json, [float("nan")]),
        (Link, "javascript:alert(1)"),
        (Link, f"https://{'a.' * 1_000}example/?{'é' * 20}"),
        (Link, f"https://a.example/{'x' * 2_060}é"),
        (Moment, "2026-01-02T00:00:00"),
        (Moment, "0001-01-01T00:00:00+14:00"),
        (TimeOfDay, "09:30:00Z"),
    ],
)
def test_what_cannot_be_kept_is_refused(kind: Any, given: object) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(given)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (Integer, 2**31 - 1, 2**31 - 1),
        (Integer, -(2**31), -(2**31)),
        (BigInteger, 2**63 - 1, 2**63 - 1),
        (BigInteger, -(2**63), -(2**63)),
        (Json, {"a": [None, 1.5]}, {"a": [None, 1.5]}),
        (Link, "https://a.example", "https://a.example/"),
        (Link, f"https://a.example/{'x' * 2_059}é", f"https://a.example/{'x' * 2_059}%C3%A9"),
        (Moment, "2026-01-02T01:00:00+02:00", datetime(2026, 1, 1, 23, tzinfo=UTC)),
        (TimeOfDay, "09:30:00", time(9, 30)),
    ],
)
def test_what_is_kept_is_kept_alike(kind: Any, given: object, kept: object) -> None:  # noqa: ANN401
    assert TypeAdapter(kind).validate_python(given) == kept


@pytest.mark.parametrize(("given", "told"), [("1.5", "1.50"), ("-0", "0.00"), ("-0.01", "-0.01")])
def test_a_decimal_is_told_as_it_is_kept(given: str, told: str) -> None:
    assert str(TypeAdapter(Annotated[Number, places(2)]).validate_python(given)) == told


def test_what_is_told_is_described_with_its_examples() -> None:
    described: dict[Any, dict[str, Any]] = {
        Number: {"type": "string", "format": "decimal", "examples": ["4.50"]},
        TimeOfDay: {"type": "string", "examples": ["09:30:00"]},
        Json: {"type": ["object", "array"]},
        Link: {"type": "string"},
    }
    for kind, schema in described.items():
        adapter = TypeAdapter[Any](kind)
        assert adapter.json_schema(mode="serialization") == schema
        for example in schema.get("examples", []):
            assert str(adapter.validate_python(example)) == example
