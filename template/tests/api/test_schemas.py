"""Tests of schemas: validation of requests, types, and messages to clients."""

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from httpx2 import AsyncClient
from pydantic import (
    AfterValidator,
    Field,
    FiniteFloat,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from app.pagination import Page
from app.schemas import validation_messages
from app.schemas.base import (
    BigInteger,
    Integer,
    Json,
    Line,
    Link,
    Moment,
    Number,
    ReadSchema,
    Schema,
    Text,
    TimeOfDay,
    as_ascii,
    places,
)
from tests.support.sample_resource import URL, payload


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "   "), ("title", "two\nlines"), ("text", "\x00"), ("colour", "green")],
)
async def test_invalid_field_returns_422(jot_client: AsyncClient, field: str, value: str) -> None:
    response = await jot_client.post(URL, json=payload(**{field: value}))
    assert response.status_code == 422
    assert [error["location"] for error in response.json()["errors"]] == [f"body.{field}"]


async def test_create_trims_single_line_but_not_multi_line_text(jot_client: AsyncClient) -> None:
    created = await jot_client.post(URL, json=payload(title="  Tea ", text=" two\nlines "))
    assert created.json()["title"] == "Tea"
    assert created.json()["text"] == " two\nlines "


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Integer, 2**31),
        (Integer, -(2**31) - 1),
        (BigInteger, 2**63),
        (BigInteger, -(2**63) - 1),
        (Json, "text"),
        (Json, {"a": "\x00"}),
        (Json, {"a": "\\\x00"}),
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
def test_value_that_database_cannot_store_is_rejected(kind: Any, value: object) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("kind", [Moment, TimeOfDay], ids=["moment", "time"])
@pytest.mark.parametrize("number", [0, 1.5, "1e3"])
def test_number_is_no_time(kind: Any, number: object) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(number)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (Integer, 2**31 - 1, 2**31 - 1),
        (Integer, -(2**31), -(2**31)),
        (BigInteger, 2**63 - 1, 2**63 - 1),
        (BigInteger, -(2**63), -(2**63)),
        (Json, {"a": [None, 1.5]}, {"a": [None, 1.5]}),
        (Json, ["\\u0000"], ["\\u0000"]),  # a backslash and five characters
        (Link, "https://a.example", "https://a.example/"),
        (Link, f"https://a.example/{'x' * 2_059}é", f"https://a.example/{'x' * 2_059}%C3%A9"),
        (Moment, "2026-01-02T01:00:00+02:00", datetime(2026, 1, 1, 23, tzinfo=UTC)),
        (TimeOfDay, "09:30:00", time(9, 30)),
    ],
)
def test_valid_value_is_converted_to_stored_form(kind: Any, value: object, stored: object) -> None:  # noqa: ANN401
    assert TypeAdapter(kind).validate_python(value) == stored


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("1.5", "1.50"), ("-0", "0.00"), ("-0.01", "-0.01"), ("1E-2", "0.01"), (1234.5, "1234.50")],
)
def test_decimal_is_padded_to_column_decimal_places(value: object, rounded: str) -> None:
    assert str(TypeAdapter(Annotated[Number, places(2)]).validate_python(value)) == rounded


@pytest.mark.parametrize("value", [0, 0.0, -0.0, "0", "-0", "0.00", "0E5", Decimal(0)], ids=repr)
@pytest.mark.parametrize("bounds", [{}, {"ge": 0}, {"gt": -1, "lt": 1}], ids=str)
def test_zero_is_valid_decimal_without_integer_digits(value: object, bounds: Any) -> None:  # noqa: ANN401
    digits = Field(max_digits=8, decimal_places=8, **bounds)
    adapter = TypeAdapter[Decimal](Annotated[Number, digits, places(8)])
    assert adapter.dump_json(adapter.validate_python(value)) == b'"0.00000000"'


@pytest.mark.parametrize("value", [False, True])
def test_boolean_is_rejected_as_decimal(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[Number, places(2)]).validate_python(value)


@pytest.mark.parametrize("value", [0, "0", "-0", "1", "x", [0], None], ids=repr)
def test_invalid_decimal_without_integer_digits_is_rejected(value: object) -> None:
    digits = Field(gt=0, max_digits=4, decimal_places=4)
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[Number, digits, places(4)]).validate_python(value)


class Rate(ReadSchema):
    """Response with decimals that `str` writes with an exponent."""

    value: Decimal
    number: Number | None
    history: list[Decimal]


@pytest.mark.parametrize(
    ("value", "plain"),
    [("0E-8", "0.00000000"), ("1E-8", "0.00000001"), ("-5.0E-7", "-0.00000050"), ("1E+3", "1000")],
)
def test_decimal_is_serialized_without_exponent(value: str, plain: str) -> None:
    number = Decimal(value)
    rate = Rate(value=number, number=number, history=[number])
    page = Page[Rate](items=[rate], total=1, page=1, size=1)
    expected = {"value": plain, "number": plain, "history": [plain]}
    assert page.model_dump(mode="json")["items"] == [expected]
    assert json.loads(page.model_dump_json())["items"] == [expected]


def test_decimal_default_is_described_without_exponent() -> None:
    class Quote(Schema):
        rate: Number = Decimal("0E-8")

    assert Quote.model_json_schema()["properties"]["rate"]["default"] == "0.00000000"


def test_enumeration_accepts_value_in_any_normalization_form() -> None:
    class Dish(StrEnum):
        CREPE = "cr\u00eape"
        SOUP = "soup"

    class Order(Schema):
        dish: Dish = Dish.SOUP
        others: list[Dish] = Field([])
        removed: Dish | None = None

    text = "cre\u0302pe"
    order = Order.model_validate({"dish": text, "others": [text], "removed": text})
    assert order == Order(dish=Dish.CREPE, others=[Dish.CREPE], removed=Dish.CREPE)


def test_email_address_is_stored_in_lower_case() -> None:
    assert as_ascii("Jane.Doe@Example.com") == "jane.doe@example.com"
    assert as_ascii("Jane@B\u00fccher.example") == "jane@xn--bcher-kva.example"


def test_custom_types_have_valid_json_schema_examples() -> None:
    schemas: dict[Any, dict[str, Any]] = {
        Number: {"type": "string", "examples": ["4.50"], "description": "Decimal."},
        TimeOfDay: {"type": "string", "examples": ["09:30:00"]},
        Json: {
            "anyOf": [
                {"type": "object", "additionalProperties": True},
                {"type": "array", "items": {}},
            ]
        },
        Link: {"type": "string"},
    }
    for kind, schema in schemas.items():
        adapter = TypeAdapter[Any](kind)
        assert adapter.json_schema(mode="serialization") == schema
        for example in schema.get("examples", []):
            assert str(adapter.validate_python(example)) == example


@pytest.mark.parametrize(
    ("bounds", "description", "example"),
    [
        (
            Field(ge=0, max_digits=8, decimal_places=2),
            "0 or more, total digits up to 8, decimal places up to 2",
            "4.50",
        ),
        (
            Field(ge=5, max_digits=8, decimal_places=2),
            "5 or more, total digits up to 8, decimal places up to 2",
            "5.00",
        ),
        (
            Field(gt=5, max_digits=9, decimal_places=8),
            "more than 5, total digits up to 9, decimal places up to 8",
            "5.00000001",
        ),
        (
            Field(le=Decimal("1E-8"), max_digits=9, decimal_places=8),
            "0.00000001 or less, total digits up to 9, decimal places up to 8",
            "0.00000001",
        ),
        (
            Field(lt=0, max_digits=1, decimal_places=0),
            "less than 0, total digits up to 1, decimal places up to 0",
            "-1",
        ),
        (
            Field(max_digits=1, decimal_places=1),
            "total digits up to 1, decimal places up to 1",
            "0.1",
        ),
    ],
    ids=["usual", "ge", "gt", "le", "lt", "fraction"],
)
def test_json_schema_of_decimal_describes_its_bounds(
    bounds: FieldInfo, description: str, example: str
) -> None:
    adapter = TypeAdapter(Annotated[Number, bounds])
    schema = adapter.json_schema()
    assert (schema["type"], schema["description"]) == ("string", f"Decimal: {description}.")
    assert schema["examples"] == [example]
    assert adapter.validate_python(example) == Decimal(example)


class Period(Schema):
    """Request body with dates that have bounds, and an alias."""

    start: Annotated[date, Field(alias="from", ge=date(2020, 1, 1))]
    due_on: Annotated[date, Field(gt=date(2030, 1, 1), le=date(2031, 1, 1))] | None = None
    built_on: Annotated[date, Field(lt=date(1900, 1, 1))]
    seen_on: date


@pytest.mark.parametrize(
    ("name", "examples"),
    [
        ("from", ["2026-01-01"]),
        ("due_on", ["2030-01-02"]),
        ("built_on", ["1899-12-31"]),
        ("seen_on", None),
    ],
)
def test_example_of_date_is_in_its_bounds(name: str, examples: list[str] | None) -> None:
    assert Period.model_json_schema()["properties"][name].get("examples") == examples


class Status(StrEnum):
    """Status of an advertisement."""

    DRAFT = "draft"
    LIVE = "live"


class Advertisement(Schema):
    """Request body with fields of several types."""

    title: str


def reject_odd(value: int) -> int:
    if value % 2:
        raise AssertionError("Must be even.")
    return value


def reject_email(value: str) -> str:
    """Raise the error of `EmailStr`, whose library is not installed in every service."""
    message = "value is not a valid email address: {reason}"
    raise PydanticCustomError("value_error", message, {"reason": value})


def reject_all(_: str) -> str:
    raise PydanticCustomError("banned", "Must not be a banned word.")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Advertisement, {}, "Field required."),
        (Advertisement, {"title": "a", "hunter2": 1}, "Unknown field or parameter."),
        (Advertisement, "hunter2", "Must be an object."),
        (str, 1, "Must be a string."),
        (Annotated[str, Field(min_length=1)], "", "Must have at least 1 character."),
        (Annotated[str, Field(max_length=3)], "hunter2", "Must have at most 3 characters."),
        (
            Annotated[SecretStr, Field(min_length=12)],
            "hunter2",
            "Must have at least 12 characters.",
        ),
        (Annotated[SecretStr, Field(max_length=1)], "hunter2", "Must have at most 1 character."),
        (Line, "two\nlines", "Must be a single line without control characters."),
        (Text, "hunter2\x00", "Must not contain the NUL character."),
        (
            Annotated[str, Field(pattern="^[A-Z]{2}$")],
            "hunter2",
            "Must match the pattern ^[A-Z]{2}$.",
        ),
        (
            Annotated[str, AfterValidator(reject_email)],
            "hunter2",
            "Must be an e-mail address, such as name@example.com.",
        ),
        (Link, "hunter2", "Must be a URL, such as https://example.com/path."),
        (Link, "ftp://hunter2", "Must be a URL that begins with http:// or https://."),
        (Link, f"https://{'x' * 2_084}", "Must have at most 2083 characters."),
        (Status, "hunter2", "Must be one of: draft, live."),
        (Literal["draft"], "hunter2", "Must be draft."),
        (Literal[1, 2], 3, "Must be one of: 1, 2."),
        (Literal["it's, or not", "b or c"], "hunter2", "Must be one of: it's, or not, b or c."),
        (bool, "hunter2", "Must be true or false."),
        (int, "hunter2", "Must be an integer."),
        (int, 1.5, "Must be an integer."),
        (int, "9" * 5_000, "Must be an integer with fewer digits."),
        (Integer, 2**31, "Must be less than 2147483648."),
        (Annotated[int, Field(gt=0)], 0, "Must be greater than 0."),
        (Annotated[int, Field(ge=1)], 0, "Must be at least 1."),
        (Annotated[int, Field(le=1)], 2, "Must be at most 1."),
        (Annotated[Number, Field(ge=Decimal("1E-8"))], 0, "Must be at least 0.00000001."),
        (Annotated[int, Field(multiple_of=5)], 2, "Must be a multiple of 5."),
        (FiniteFloat, "hunter2", "Must be a number."),
        (FiniteFloat, "NaN", "Must be a finite number."),
        (Number, "hunter2", "Must be a decimal number, such as 4.50."),
        (Annotated[Number, Field(max_digits=3)], "1234", "Must have at most 3 digits."),
        (
            Annotated[Number, Field(decimal_places=1)],
            "0.12",
            "Must have at most 1 decimal place.",
        ),
        (
            Annotated[Number, Field(max_digits=3, decimal_places=1)],
            "123",
            "Must have at most 2 digits before the decimal point.",
        ),
        (UUID, "hunter2", "Must be a UUID."),
        (Moment, 0, "Must be text in ISO 8601."),
        (date, "hunter2", "Must be a date, such as 2026-01-31."),
        (date, "2026-01-31T01:00:00", "Must be a date, such as 2026-01-31."),
        (
            Moment,
            "2026-01-31T09:30:00",
            "Must be a date and time with a time zone, such as 2026-01-31T09:30:00Z.",
        ),
        (Moment, "0001-01-01T00:00:00+14:00", "Must be in the years 1 to 9999, in UTC."),
        (TimeOfDay, "hunter2", "Must be a time of day, such as 09:30:00."),
        (TimeOfDay, "09:30:00Z", "Must not have a time zone."),
        (Json, "hunter2", "Must be an object or an array."),
        (Json, [float("nan")], "Must not contain NaN, Infinity or lone surrogates."),
        (list[str], "hunter2", "Must be an array."),
        (Annotated[list[int], Field(min_length=1)], [], "Must have at least 1 item."),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "Must have at most 1 item."),
        (Annotated[int, AfterValidator(reject_odd)], 1, "Must be even."),
        (Annotated[str, AfterValidator(reject_all)], "hunter2", "Must not be a banned word."),
        (bytes, 1, "Invalid value."),
    ],
)
def test_validation_message_is_plain_sentence(kind: Any, value: object, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    (error,) = caught.value.errors()
    assert validation_messages.message(error) == message
    assert "hunter2" not in message
