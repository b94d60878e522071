"""Compute valid and invalid sample values of fields for the generated tests."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ..language.literals import literal
from ..language.patterns import matches
from ..quoting import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..language.domain import Field, Resource

WORDS = ("alpha", "bravo")
LONG = 50_000  # characters: tests send no longer text


def texts(field: Field) -> list[str]:
    """Return up to two valid texts of a field."""
    if field.pattern:
        return list(field.examples[:2])
    if field.min_length <= len(WORDS[0]) <= field.longest:
        return list(WORDS)
    size = max(1, field.min_length if field.min_length > len(WORDS[0]) else field.longest)
    return [letter * size for letter in "ab"]


def numbers(field: Field) -> list[Any]:
    """Return two numbers or dates within the bounds of a field, small ones where possible."""
    least, greatest = field.range
    step = field.step or 1.0
    ends = [end for end in (least, greatest) if end is not None]
    near = [end + step * times for end in ends for times in (0, 1, 2, -1, -2) if can_add(end, step * times)]
    if field.type == "float" and ends:
        near += [math.nextafter(end, to) for end in ends for to in (math.inf, -math.inf)]
    first: dict[str, list[Any]] = {
        "float": [1.5, 2.5],
        "decimal": [round(Decimal(number), field.decimal_places) for number in (1, 2)],
        "date": [date(2026, 1, 1), date(2026, 1, 2)],
    }
    preferred = first.get(field.type, [1, 2])
    if all(holds(field, each) for each in preferred):
        return preferred
    valid = [each for each in (*preferred, *near) if holds(field, each)]
    return sorted(sorted(dict.fromkeys(valid), key=lambda value: abs(value - preferred[0]))[:2])


def can_add(end: Any, by: Any) -> bool:  # noqa: ANN401 - of the field's type
    """Return whether two values, such as a date and a number of days, can be added without overflow."""
    try:
        end + by
    except OverflowError:
        return False
    return True


def holds(field: Field, value: Any) -> bool:  # noqa: ANN401 - of the field's type
    """Return whether a value is within a field's bounds."""
    least, greatest = field.range
    inside = (least is None or value >= least) and (greatest is None or value <= greatest)
    return inside and (field.gt is None or value > field.gt) and (field.lt is None or value < field.lt)


def samples(field: Field) -> list[Any]:
    """Return up to two valid values of a field, the smaller first; none for references."""
    moments = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2)]  # noqa: UP017 - Python 3.10 has no UTC
    fixed: dict[str, list[Any]] = {
        "bool": [False, True],
        "datetime": moments,
        "time": [time(9), time(10)],
        "uuid": [UUID(int=1), UUID(int=2)],
        "email": [f"{word}@example.com" for word in WORDS],
        "url": [f"https://example.com/{word}" for word in WORDS],
        "json": [{"key": "value"}],
        "ref": [],
    }
    if field.type in fixed:
        return fixed[field.type]
    if field.type in {"str", "text"}:
        return texts(field)
    return numbers(field) if field.type != "enum" else [name for name, _ in field.members][:2]


def written(resource: Resource, field: Field, value: Any) -> str:  # noqa: ANN401 - of the field's type
    """Return a sample value as Python source, such as `Status.LIVE` for a value of an enumeration."""
    return f"{resource.type_name(field)}.{value}" if field.type == "enum" else literal(value)


INVALID: dict[str, list[Any]] = {
    "bool": ["perhaps"],
    "date": ["tomorrow"],
    "datetime": ["2026-01-01T00:00:00"],
    "time": ["25:00", "09:30:00Z"],
    "uuid": ["1"],
    "json": [1],
    "email": ["nobody", "jürgen@example.com"],
    "url": ["nowhere"],
    "ref": ["1"],
    "int": ["many", 1 << 31],
    "bigint": ["many", 1 << 63],
    "float": ["many", "NaN"],
    "decimal": ["many", "NaN"],
}


def invalid_values(field: Field) -> Iterator[str]:
    """Yield the Python source of values that a field's validation rejects."""
    yield from (literal(value) for value in INVALID.get(field.type, []))
    if not field.optional:
        yield "None"
    if field.type in {"str", "text"}:
        yield from invalid_texts(field)
    if field.values:
        yield quoted(next(word for word in ("lost", "elsewhere") if word not in field.values))
    if field.type == "decimal":
        yield f'"0.{"0" * field.decimal_places}1"'
        yield f'"1{"0" * (field.max_digits - field.decimal_places)}"'
    yield from invalid_bounds(field)


def invalid_texts(field: Field) -> Iterator[str]:
    """Yield the Python source of texts with an invalid length, character or pattern."""
    if field.longest <= LONG:
        yield f'"x" * {literal(field.longest + 1)}'
    if field.min_length:
        yield '""' if field.min_length == 1 else f'"x" * {literal(field.min_length - 1)}'
    yield '"two\\nlines"' if field.type == "str" else '"\\x00"'
    invalid = next((text for text in ("?", "0", "a", "A-") if field.pattern and not matches(field.pattern, text)), None)
    if invalid and field.min_length <= len(invalid) <= field.longest:
        yield quoted(invalid)


def invalid_bounds(field: Field) -> Iterator[str]:
    """Yield the Python source of values outside a field's bounds."""
    step = field.step or 1.0
    for bound, by in ((field.ge, -1), (field.gt, 0), (field.le, 1), (field.lt, 0)):
        if bound is not None and can_add(bound, step * by) and not holds(field, bound + step * by):
            yield sent(bound + step * by)


def sent(value: Any) -> str:  # noqa: ANN401 - of the field's type
    """Return the Python source of a value in a JSON body, where dates and decimals are strings."""
    return (
        quoted(str(value))
        if isinstance(value, date)
        else quoted(f"{value:f}")
        if isinstance(value, Decimal)
        else literal(value)
    )
