"""Base classes of schemas, and field types with values that the database can store."""

import json
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)

from app.limits.json_depth import JSON_DEPTH

MAX_LINK_LENGTH = 2083  # characters, the limit of most browsers
LINE = r"^[^\x00-\x1f\x7f]*$"  # without control characters
TEXT = r"^[^\x00]*$"  # databases do not store NUL


def places(number: int) -> AfterValidator:
    """Return a validator that rounds a decimal to the decimal places of its column."""
    return AfterValidator(lambda value: round(value, number) + 0)


def not_unix_time(value: object) -> object:
    """Reject a number, which Pydantic reads as seconds since 1970: the schema says ISO 8601."""
    try:
        float(str(value))
    except ValueError:
        return value
    message = "Must be text in ISO 8601."
    raise ValueError(message)


def in_utc(moment: datetime) -> datetime:
    """Convert a datetime to UTC, since datetimes are stored in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        message = "Must be in the years 1 to 9999, in UTC."
        raise ValueError(message) from None


def as_text(url: HttpUrl) -> str:
    """Return a percent-encoded URL as text if it is not too long to store."""
    text = str(url)
    if len(text) > MAX_LINK_LENGTH:
        message = f"Must have at most {MAX_LINK_LENGTH} characters when percent-encoded."
        raise ValueError(message)
    return text


def as_ascii(address: str) -> str:
    """Return an e-mail address that every SMTP server accepts: ASCII, with the domain in Punycode.

    Many servers lack SMTPUTF8 (RFC 6531), and a non-ASCII local part may look like that of another
    user (homograph attack). `EmailStr` has normalized the domain (IDNA 2008).
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        message = "Must have only ASCII characters before the @."
        raise ValueError(message)
    if "=?" in local:  # an encoded word, which an address must not contain (RFC 2047, section 5)
        message = "Must not have =? before the @."
        raise ValueError(message)
    return f"{local}@{'.'.join(map(_as_a_label, domain.split('.')))}"


def _as_a_label(label: str) -> str:
    """Return a label of a domain in ASCII (A-label, RFC 5890, section 2.3.2.1)."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def without_zone(value: time) -> time:
    """Reject a time of day with a time zone, since its UTC offset depends on the date."""
    if value.tzinfo is not None:
        message = "Must not have a time zone."
        raise ValueError(message)
    return value


def storable(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a JSON object or array (RFC 8259) if the database can store it."""
    if not isinstance(value, dict | list):
        message = "Must be an object or an array."
        raise ValueError(message)  # noqa: TRY004 - Pydantic does not handle `TypeError`
    JSON_DEPTH.check(value)
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        message = "Must not contain NaN, Infinity or lone surrogates."
        raise ValueError(message) from None
    if "\\u0000" in json.dumps(value):
        message = "Must not contain the NUL character."
        raise ValueError(message)
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=LINE)]
Text = Annotated[str, StringConstraints(pattern=TEXT)]
Link = Annotated[HttpUrl, AfterValidator(as_text), PlainSerializer(str)]
AsciiEmail = Annotated[EmailStr, AfterValidator(as_ascii)]
Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
BigInteger = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[
    Decimal, WithJsonSchema({"type": "string", "format": "decimal", "examples": ["4.50"]})
]
Moment = Annotated[AwareDatetime, BeforeValidator(not_unix_time), AfterValidator(in_utc)]
TimeOfDay = Annotated[
    time,
    BeforeValidator(not_unix_time),
    AfterValidator(without_zone),
    WithJsonSchema({"type": "string", "examples": ["09:30:00"]}),
]
Json = Annotated[
    dict[str, Any] | list[Any],
    PlainValidator(storable),
    WithJsonSchema({"type": ["object", "array"]}),
]


class Schema(BaseModel):
    """Base class of request schemas, which reject unknown fields."""

    model_config = ConfigDict(extra="forbid")


class ReadSchema(BaseModel):
    """Base class of response schemas, which read the attributes of rows."""

    model_config = ConfigDict(from_attributes=True)
