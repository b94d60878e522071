"""Compute the Jinja context of the factories that create rows for tests.

Their values satisfy the constraints of all fields, and differ in unique fields.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..language.domain import BITS, MANY, find
from ..language.literals import literal
from ..language.names import spaced
from .samples import numbers, samples, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..language.domain import Field, Resource, Resources

Facts = dict[str, Any]

EXPONENT = 7  # decimal places from which on `str(Decimal)` has an exponent
DIGITS = 6  # of the number that distinguishes rows
# Kinds of values that are derived from the number of the row.
NUMBERED = frozenset(
    {"bool", "date", "datetime", "decimal", "digits", "email", "enum", "number", "pattern", "time", "url", "words"}
)


def is_unique(resource: Resource, field: Field) -> bool:
    """Return whether a field is unique, alone or together with other fields."""
    return any(field in fields for fields in resource.uniques)


def is_circular(resources: Resources, resource: Resource, field: Field) -> bool:
    """Return whether creating the row of an optional reference would first need a row of this resource.

    A factory leaves such a unique reference null.
    """
    return bool(field.to) and field.optional and resource.name in required_by(resources, field.to, frozenset())


def required_by(resources: Resources, name: str, seen: frozenset[str]) -> frozenset[str]:
    """Return the names of all resources whose rows a factory creates, including the factory's own resource."""
    target = find(resources, name)
    required = [field.to for field in target.references if not field.optional or is_unique(target, field)]
    for to in required:
        if to not in seen | {name}:
            seen = required_by(resources, to, seen | {name})
    return seen | {name}


def numbered_text(field: Field) -> Facts:
    """Return the Jinja context of an expression that derives a unique text from the row's number.

    The text is an example of the field's pattern, words with the number, or digits.
    """
    if field.pattern:
        return {"kind": "pattern", "constant": f"{field.name.upper()}S", "examples": list(field.examples)}
    words = spaced(field.name)
    if field.longest > len(words) + DIGITS and field.min_length <= len(words) + 1:
        return {"kind": "words", "words": words}
    size = min(field.longest, max(field.min_length, DIGITS))
    return {"kind": "digits", "size": size, "modulus": 10**size if size < DIGITS else 0}


def numbered_step(field: Field) -> Facts:
    """Return the Jinja context of an expression that derives a number or date from the row's number.

    The result has the first value and the number of different values.
    """
    _, greatest = field.range
    start = numbers(field)[0]
    room = MANY if greatest is None else int((greatest - start) / field.step) + 1
    if room < MANY and greatest is not None:
        room = field.room
        start = greatest - field.step * (room - 1)
    kind = field.type if field.type in {"date", "decimal"} else "number"
    return {"kind": kind, "start": literal(start), "modulus": min(MANY, room), "places": field.decimal_places}


def numbered(resources: Resources, resource: Resource, field: Field) -> Facts:
    """Return the Jinja context of an expression that derives a field's value from the row's number."""
    if field.type in {*BITS, "decimal", "date"}:
        return numbered_step(field)
    if field.type == "str":
        return numbered_text(field)
    if field.type == "enum":
        return {"kind": "enum", "type": resource.type_name(field), "members": len(field.values)}
    if field.type == "ref":
        return {"kind": "new", "factory": find(resources, field.to).variable}
    return {"kind": field.type}


def value(resources: Resources, resource: Resource, field: Field) -> Facts:
    """Return the Jinja context of the value that a factory sets for a field.

    A unique field gets a value from the row's number, any other field a sample.
    """
    if is_unique(resource, field):
        is_null = is_circular(resources, resource, field)
        return {"kind": "literal", "literal": "None"} if is_null else numbered(resources, resource, field)
    if field.to:
        target = find(resources, field.to)
        return {"kind": "some", "class": target.class_name, "factory": target.variable}
    if field.type in {"str", "email", "url"} and not field.pattern:
        return numbered(resources, resource, field)
    return {"kind": "literal", "literal": written(resource, field, samples(field)[0])}


def entries(resources: Resources, resource: Resource) -> Iterator[tuple[Field, Facts]]:
    """Yield each required or unique field with the value that a factory sets."""
    for field in resource.fields:
        if is_unique(resource, field) or is_required(field):
            yield field, value(resources, resource, field)


def target_facts(resources: Resources, name: str) -> Facts:
    """Return the names by which a factory imports a referenced resource's factory and class."""
    target = find(resources, name)
    return {"name": name, "class": target.class_name, "variable": target.variable}


def facts(resources: Resources, resource: Resource) -> Facts:
    """Return the Jinja context of a resource's test factory."""
    values = list(entries(resources, resource))
    kinds = {each["kind"] for _, each in values}
    targets = sorted({field.to for field, each in values if each["kind"] in {"new", "some"}})
    return {
        "entries": [{"name": field.column, **each} for field, each in values],
        "targets": [target_facts(resources, name) for name in targets],
        "is_async": bool(targets),
        "encoder": "tests.factories" if any(map(has_exponents, resource.fields)) else "pydantic_core",
        "is_numbered": bool(kinds & NUMBERED),
    }


def has_exponents(field: Field) -> bool:
    """Return whether `str` writes decimals of a field as `1E-7`, which responses write as `0.0000001`."""
    return field.type == "decimal" and field.decimal_places >= EXPONENT


def is_required(field: Field) -> bool:
    """Return whether a request must contain a field, because it is not optional and has no default."""
    return not field.optional and field.default is None


def example(resource: Resource) -> str:
    """Return the smallest valid JSON body of a request, escaped for a single-quoted shell argument."""
    values = {field.column: plain_value(field) for field in resource.fields if is_required(field)}
    return json.dumps(values, ensure_ascii=False).replace("'", "'\\''")


def plain_value(field: Field) -> Any:  # noqa: ANN401 - any value of JSON
    """Return a field's sample value in a type that JSON can encode."""
    sample = field.values[0] if field.values else samples(field)[0]
    if isinstance(sample, bool | int | float | str | dict):
        return sample
    return f"{sample:f}" if isinstance(sample, Decimal) else str(sample)
