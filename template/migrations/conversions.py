"""Exact conversions of values between column types."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Float,
    Integer,
    Numeric,
    String,
    Text,
    Time,
    Uuid,
)
from sqlalchemy.types import TypeEngine

from app.schemas.base import storable

T = TypeVar("T")

# Without zeros in front, which a number would lose: `007` may be a code.
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?", re.IGNORECASE)
# ISO 8601 as JSON has it, with UTC offsets of less than 16 hours, which all databases accept.
CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
TIME = re.compile(CLOCK)
OFFSET = r"(Z|[+-](0[0-9]|1[0-5]):[0-5][0-9])"
DATETIME = re.compile(rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{CLOCK}{OFFSET}")
UUID_TEXT = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
HEX = 32  # characters of a UUID, where a database has no such type


def generic(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return a type of a database as the type that models use for it."""
    kinds: dict[str, Callable[[Any], Any]] = {
        "VARCHAR": lambda kind: String(kind.length),
        "CHAR": lambda kind: Uuid() if kind.length == HEX else kind,
        "TEXT": lambda _: Text(),
        "INTEGER": lambda _: Integer(),
        "BIGINT": lambda _: BigInteger(),
        "NUMERIC": lambda kind: Numeric(kind.precision, kind.scale),
        "DOUBLE": lambda _: Double(),
        "DOUBLE_PRECISION": lambda _: Double(),
        "BOOLEAN": lambda _: Boolean(),
        "DATE": lambda _: Date(),
        "TIME": lambda kind: kind if kind.timezone else Time(),
        "DATETIME": lambda _: DateTime(timezone=True),
        "TIMESTAMP": lambda kind: DateTime(timezone=kind.timezone),
        "UUID": lambda _: Uuid(),
        "JSON": lambda kind: kind if type(kind) is JSON else JSON(),
    }
    known = kinds.get(kind.__visit_name__)
    result: TypeEngine[Any] = known(kind) if known else kind
    return result


def family(kind: TypeEngine[Any]) -> type[Any]:
    """Return the kind of a type: text, number, truth value, date, datetime, time, UUID or JSON."""
    base = next((each for each in CONVERSIONS if isinstance(kind, each)), type(kind))
    return Numeric if base in {Integer, Float} else base


def convert(value: Any, kind: TypeEngine[Any]) -> Any:  # noqa: ANN401
    """Convert a value to a column type.

    Raises:
        ValueError: the type cannot hold the value, or only a part of it.
    """
    for base, function in CONVERSIONS.items():
        if isinstance(kind, base):
            return function(value, kind)
    return value


def exactly(value: T, *, is_exact: bool) -> T:
    """Return a converted value; raise an error if it lost something."""
    if not is_exact:
        message = "The conversion is not exact."
        raise ValueError(message)
    return value


def to_text(value: Any, kind: Any) -> str:  # noqa: ANN401
    """Convert to the text that JSON has for the value."""
    if value is None or isinstance(value, bool | dict | list):
        value = json.dumps(value)
    elif isinstance(value, datetime):
        value = value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    elif isinstance(value, Decimal):
        value = f"{value:f}"
    elif isinstance(value, float):
        value = repr(value).removesuffix(".0")
    result = str(value)
    return exactly(result, is_exact=not kind.length or len(result) <= kind.length)


def to_decimal(value: Any) -> Decimal:  # noqa: ANN401
    """Convert a number, a truth value, or the text of a number."""
    if isinstance(value, str):
        exactly(value, is_exact=bool(NUMBER.fullmatch(value)))
    return Decimal(int(value)) if isinstance(value, bool) else Decimal(str(value))


def to_integer(value: Any, kind: Any) -> int:  # noqa: ANN401
    """Convert to an integer of 32 or 64 bits; text must have digits only."""
    number = to_decimal(value)
    end = 1 << (63 if isinstance(kind, BigInteger) else 31)
    has_point = isinstance(value, str) and bool({".", "e"} & {*value.lower()})
    exactly(number, is_exact=not has_point and -end <= number < end)
    return exactly(int(number), is_exact=number == int(number))


def to_numeric(value: Any, kind: Any) -> Decimal:  # noqa: ANN401
    """Convert to a decimal with the type's number of digits."""
    number = to_decimal(value)
    places = kind.scale or 0
    result = round(number, places)
    fits = abs(result) < Decimal(10) ** (kind.precision - places)
    return exactly(result, is_exact=result == number and fits)


def to_float(value: Any, _: Any) -> float:  # noqa: ANN401
    """Convert to a 64-bit float that is equal, or has the same shortest text."""
    if isinstance(value, float):
        return value
    number = to_decimal(value)
    return exactly(float(number), is_exact=Decimal(repr(float(number))) == number)


def to_bool(value: Any, _: Any) -> bool:  # noqa: ANN401
    """Convert 0, 1, `false` or `true`."""
    truths = {0: False, 1: True, "0": False, "1": True, "false": False, "true": True}
    return exactly(truths.get(value, False), is_exact=value in truths)


def to_datetime(value: Any, _: Any) -> datetime:  # noqa: ANN401
    """Convert a date to its midnight in UTC, or text with a UTC offset (ISO 8601)."""
    if isinstance(value, str):
        exactly(value, is_exact=bool(DATETIME.fullmatch(value)))
        return datetime.fromisoformat(value).astimezone(UTC)
    return value if isinstance(value, datetime) else datetime.combine(value, time.min, UTC)


def to_date(value: Any, _: Any) -> date:  # noqa: ANN401
    """Convert a midnight in UTC, or text such as `2026-01-31`."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return exactly(moment.date(), is_exact=moment.time() == time.min)
    if isinstance(value, date):
        return value
    day = date.fromisoformat(value)
    return exactly(day, is_exact=day.isoformat() == value)


def to_time(value: Any, _: Any) -> time:  # noqa: ANN401
    """Convert text such as `10:30:00`, without a UTC offset."""
    if isinstance(value, time):
        return exactly(value, is_exact=value.tzinfo is None)
    return time.fromisoformat(exactly(value, is_exact=bool(TIME.fullmatch(value))))


def to_uuid(value: Any, _: Any) -> UUID:  # noqa: ANN401
    """Convert the text of a UUID, with or without hyphens."""
    if isinstance(value, UUID):
        return value
    return UUID(exactly(value, is_exact=bool(UUID_TEXT.fullmatch(value))))


def to_json(value: Any, _: Any) -> Any:  # noqa: ANN401
    """Convert the text of a JSON object or array that the API can return."""
    if isinstance(value, str):
        value = json.loads(value, parse_float=to_json_number, object_pairs_hook=to_json_object)
    return storable(value)


def to_json_number(value: str) -> float:
    """Convert the text of a number that is equal as a 64-bit float."""
    number = float(value)
    return exactly(number, is_exact=Decimal(repr(number)) == Decimal(value))


def to_json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Convert the pairs of a JSON object without duplicate keys."""
    result = dict(pairs)
    return exactly(result, is_exact=len(result) == len(pairs))


CONVERSIONS: dict[type[Any], Callable[[Any, Any], Any]] = {
    String: to_text,
    Integer: to_integer,
    Float: to_float,  # before Numeric, its base
    Numeric: to_numeric,
    Boolean: to_bool,
    DateTime: to_datetime,
    Date: to_date,
    Time: to_time,
    Uuid: to_uuid,
    JSON: to_json,
}
