"""Base classes of schemas, and field types with values that the database can store."""

import json
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    EmailStr,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    HttpUrl,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from app.limits.json_depth import JSON_DEPTH
from app.schemas import examples

MAX_LINK_LENGTH = 2083  # characters, the limit of most browsers
LINE = r"^[^\x00-\x1f\x7f]*$"  # without control characters
TEXT = r"^[^\x00]*$"  # databases do not store NUL
DECIMAL_BOUNDS = {
    "gt": "more than {}",
    "ge": "{} or more",
    "lt": "less than {}",
    "le": "{} or less",
    "max_digits": "total digits up to {}",
    "decimal_places": "decimal places up to {}",
}


def fixed_point(value: Decimal) -> str:
    """Return a decimal without an exponent: `0.00000001`, not `1E-8`."""
    return f"{value:f}"


def shown(value: object) -> object:
    """Return a value for a message, in which a decimal has no exponent."""
    return fixed_point(value) if isinstance(value, Decimal) else value


def nfc(value: Any) -> Any:  # noqa: ANN401 - any value of JSON
    """Return text in the normalization form NFC (UAX #15), and any other value unchanged.

    A letter and its accent are one code point, so that equal texts are equal in the database.
    Letters are decomposed and combining characters sorted first, since `normalize` needs quadratic
    time for long runs.
    """
    if not isinstance(value, str) or value.isascii():
        return value
    letters = "".join(unicodedata.normalize("NFD", letter) for letter in value)
    runs = groupby(letters, lambda letter: unicodedata.combining(letter) > 0)
    ordered = (sorted(run, key=unicodedata.combining) if marks else run for marks, run in runs)
    return unicodedata.normalize("NFC", "".join(map("".join, ordered)))


class Normalized:
    """Annotation of text that `Schema` converts to NFC before it checks length and pattern."""

    @staticmethod
    def __get_pydantic_core_schema__(source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Mark the schema of the text, since the constraints that follow must apply to it."""
        schema: Any = handler(source)
        return {**schema, "metadata": {"is_normalized": True}}


def places(number: int) -> WrapValidator:
    """Return a validator that rounds a decimal to the decimal places of its column.

    Zero is valid in any notation. Pydantic counts the digit of `0`, but not the first of `0.5`.
    """

    def convert(value: object, validate: ValidatorFunctionWrapHandler) -> Decimal:
        try:
            valid = validate(value)
        except ValidationError:
            if not is_zero(value):
                raise
            valid = validate(Decimal(0).scaleb(-number))
        return Decimal(round(valid, number) + 0)

    return WrapValidator(convert)


def is_zero(value: object) -> bool:
    """Return whether a number or text is zero, such as `0`, `-0.0` or `0E5`."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return False
    try:
        return Decimal(value) == 0
    except InvalidOperation:
        return False


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
    user (homograph attack). `EmailStr` has normalized the domain (IDNA 2008). The address is in
    lower case, because mail servers ignore case: two spellings are one address.
    """
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        message = "Must have only ASCII characters before the @."
        raise ValueError(message)
    if "=?" in local:  # an encoded word, which an address must not contain (RFC 2047, section 5)
        message = "Must not have =? before the @."
        raise ValueError(message)
    return f"{local}@{'.'.join(map(_as_a_label, domain.split('.')))}".lower()


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
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except ValueError:
        message = "Must not contain NaN, Infinity or lone surrogates."
        raise ValueError(message) from None
    if "\\u0000" in text.replace("\\\\", ""):  # without escaped backslashes
        message = "Must not contain the NUL character."
        raise ValueError(message)
    return value


def example(bounds: Mapping[str, Any]) -> str:
    """Return a decimal that is in its bounds, with all decimal places."""
    places = bounds.get("decimal_places", 2)
    step = Decimal(1).scaleb(-places)
    whole = bounds.get("max_digits", places + 1) - places
    usual = round(Decimal("4.5") if whole else step, places)
    limited = examples.COMPARISONS.keys() & bounds.keys()
    if all(examples.COMPARISONS[key](usual, bounds[key]) for key in limited):
        return fixed_point(usual)
    limits = {"ge": Decimal(0), "le": Decimal(0), "gt": step, "lt": -step}
    near = [bounds[key] + distance for key, distance in limits.items() if key in bounds]
    return fixed_point(round(near[0], places))


class DecimalSchema:
    """JSON schema of a decimal: text, since a `number` of JSON is often parsed to a binary float.

    The bounds are in the description, because `minimum` has no effect on text, and a pattern of
    them needs a look-ahead, which the regular expressions of Go and Rust lack. There is no format
    `decimal`, for which clients in Go expect a number.
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, _: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON schema of a decimal, with its bounds as description."""
        bounds: dict[str, Any] = {**schema}
        while "schema" in bounds:  # of the validators around it
            bounds = bounds["schema"]
        texts = [
            text.format(shown(bounds[key])) for key, text in DECIMAL_BOUNDS.items() if key in bounds
        ]
        description = f"Decimal: {', '.join(texts)}." if texts else "Decimal."
        return {"type": "string", "examples": [example(bounds)], "description": description}


NFC = BeforeValidator(nfc)  # the last annotation of text outside a `Schema`
PLAIN = core_schema.plain_serializer_function_ser_schema(fixed_point, when_used="json")
Line = Annotated[str, Normalized, StringConstraints(strip_whitespace=True, pattern=LINE)]
Text = Annotated[str, Normalized, StringConstraints(pattern=TEXT)]
Link = Annotated[HttpUrl, AfterValidator(as_text), PlainSerializer(str)]
AsciiEmail = Annotated[EmailStr, AfterValidator(as_ascii)]
Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
BigInteger = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[Decimal, PlainSerializer(fixed_point, when_used="json"), DecimalSchema()]
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
    WithJsonSchema(TypeAdapter(dict[str, Any] | list[Any]).json_schema()),
]


def adapt(schema: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - nested dictionaries
    """Return a core schema of Pydantic in which `change` has replaced each part."""
    if isinstance(schema, dict):
        return change({key: adapt(part, change) for key, part in schema.items()})
    return [adapt(part, change) for part in schema] if isinstance(schema, list) else schema


class Schema(BaseModel):
    """Base class of request schemas, which reject unknown fields and normalize text to NFC."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Normalize the values of `Line`, `Text` and enumerations before their validation."""

        def normalize(part: Any) -> Any:  # noqa: ANN401
            is_text = (part.get("metadata") or {}).get("is_normalized")
            is_enum = "type" in part and handler.resolve_ref_schema(part)["type"] == "enum"
            is_either = is_text or is_enum
            return core_schema.no_info_before_validator_function(nfc, part) if is_either else part

        schema: CoreSchema = adapt(handler(source), normalize)
        return schema

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the defaults of decimals without an exponent, and add examples to fields."""
        described = handler(schema)
        properties = handler.resolve_ref_schema(described)["properties"]
        for name, field in cls.model_fields.items():
            described_field = properties.get(field.alias or name, {})
            if isinstance(field.default, Decimal):
                described_field["default"] = fixed_point(field.default)
            if (moment := examples.date_in_bounds(field)) and field.examples is None:
                described_field["examples"] = [moment.isoformat()]
        for name, described_field in properties.items():
            examples.add(name, described_field)
        return described


class ReadSchema(BaseModel):
    """Base class of response schemas, which read the attributes of rows."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Serialize all decimals without an exponent."""

        def serialize(part: Any) -> Any:  # noqa: ANN401
            return {"serialization": PLAIN} | part if part.get("type") == "decimal" else part

        schema: CoreSchema = adapt(handler(source), serialize)
        return schema
