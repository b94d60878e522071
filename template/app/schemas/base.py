"""What all schemas share: how they read, and the kinds of values that databases keep."""

import json
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

LONGEST_LINK = 2083  # characters, as most browsers have it


def places(number: int) -> AfterValidator:
    """Tell a decimal with as many digits after the point as are kept."""
    return AfterValidator(lambda value: round(value, number) + 0)


def in_utc(moment: datetime) -> datetime:
    """Tell a point in time in UTC, as it is kept."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        message = "It lies outside the years 1 to 9999, in UTC."
        raise ValueError(message) from None


def as_text(address: HttpUrl) -> str:
    """Write out an address, which may be longer than it was sent."""
    text = str(address)
    if len(text) > LONGEST_LINK:
        message = f"It has more than {LONGEST_LINK} characters, written out."
        raise ValueError(message)
    return text


def without_zone(value: time) -> time:
    """Refuse a time of day that names a zone; without a date, that has no meaning."""
    if value.tzinfo is not None:
        message = "A time of day has no zone."
        raise ValueError(message)
    return value


def storable(value: Any) -> Any:  # noqa: ANN401 - whatever JSON may hold
    """Refuse what is no object or array of JSON (RFC 8259), or holds what databases do not keep."""
    if not isinstance(value, dict | list):
        message = "It is neither an object nor an array."
        raise ValueError(message)  # noqa: TRY004 - Pydantic tells of no other
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        message = "It holds what JSON cannot: NaN, an infinite number, or half a character."
        raise ValueError(message) from None
    if "\\u0000" in json.dumps(value):
        message = "It holds NUL, which databases do not keep."
        raise ValueError(message)
    return value


# Databases keep no NUL; a line keeps no other control character either.
Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Link = Annotated[HttpUrl, AfterValidator(as_text), PlainSerializer(str)]
Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
BigInteger = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[
    Decimal, WithJsonSchema({"type": "string", "format": "decimal", "examples": ["4.50"]})
]
Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
TimeOfDay = Annotated[
    time, AfterValidator(without_zone), WithJsonSchema({"type": "string", "examples": ["09:30:00"]})
]
Json = Annotated[
    dict[str, Any] | list[Any],
    PlainValidator(storable),
    WithJsonSchema({"type": ["object", "array"]}),
]


class Schema(BaseModel):
    """What a client sends: nothing that is not asked for."""

    model_config = ConfigDict(extra="forbid")


class ReadSchema(BaseModel):
    """What a client gets: read from a row, with no more than is said here."""

    model_config = ConfigDict(from_attributes=True)
