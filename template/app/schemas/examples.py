"""Examples in request schemas, from which Swagger UI builds request bodies.

Swagger UI would make random text of a pattern, and text of JSON without a type.
"""

import operator
import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, get_args

from pydantic.fields import FieldInfo

TEXTS = {
    "address": "12 Example Street",
    "body": "A text of several words.",
    "city": "London",
    "code": "A1",
    "color": "green",
    "comment": "A short comment.",
    "company": "Example Ltd",
    "content": "A text of several words.",
    "country": "GB",
    "currency": "EUR",
    "description": "A short description.",
    "email": "ada@example.com",
    "first_name": "Ada",
    "full_name": "Ada Lovelace",
    "iban": "DE89370400440532013000",
    "isbn": "9780306406157",
    "language": "en",
    "last_name": "Lovelace",
    "locale": "en-GB",
    "note": "A short note.",
    "notes": "A short note.",
    "phone": "+442079460958",
    "postal_code": "SW1A 1AA",
    "sku": "AB-1234",
    "slug": "an-example",
    "street": "12 Example Street",
    "summary": "A short summary.",
    "time_zone": "Europe/London",
    "timezone": "Europe/London",
    "url": "https://example.com/",
    "zip": "SW1A 1AA",
}
COMPARISONS = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
USUAL_DATE = date(2026, 1, 1)
DATE_STEPS = {"ge": 0, "le": 0, "gt": 1, "lt": -1}  # days from the bound to a valid date
FIXED = {"$ref", "const", "enum", "example", "examples"}  # these decide the value
CONTAINERS = {"object", "array"}


def add(name: str, schema: dict[str, Any]) -> None:
    """Add an example to the JSON schema of a field, unless it has one or needs none."""
    options = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    if len(options) == 1 and "anyOf" in options[0]:
        options = options[0]["anyOf"]
    if schema.get("default") is not None or any(FIXED & each.keys() for each in (schema, *options)):
        return
    if {each.get("type") for each in options} == CONTAINERS:
        schema["examples"] = [{}]
    elif len(options) == 1:
        _add_to(schema, name, options[0])


def _add_to(schema: dict[str, Any], name: str, option: dict[str, Any]) -> None:
    kind = option.get("type")
    value = SCALARS[kind](name, option) if kind in SCALARS else None
    if value is not None:
        schema["examples"] = [value]
    elif kind == "array":
        add(name.removesuffix("s"), option.get("items", {}))


def text(name: str, schema: dict[str, Any]) -> str | None:
    """Return a text for the name of a field, such as `title 1`.

    None if Swagger UI knows one of the format, or if the field has a pattern of its own.
    """
    shortest = schema.get("minLength", 0)
    if "format" in schema:
        return "*" * max(shortest, 8) if schema["format"] == "password" else None
    value = TEXTS.get(name, f"{name.replace('_', ' ')} 1")
    value = value[: schema.get("maxLength")].rstrip().ljust(shortest, "x")
    try:
        return value if re.search(schema.get("pattern", ""), value) else None
    except re.error:  # of a pattern that only Pydantic's engine knows
        return None


def integer(_: str, schema: dict[str, Any]) -> int | None:
    """Return an integer near 1 in its bounds; Swagger UI would take the lowest, perhaps inexact."""
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + step * 2 + 1) - 1)
    value = -(-min(max(step, low), high) // step) * step
    return value if value <= high else None


def date_in_bounds(field: FieldInfo) -> date | None:
    """Return a date in the bounds of a field; JSON Schema has no bounds of dates.

    None if the field has no such bound, so that Swagger UI takes the current date.
    """
    limits = {
        name: bound
        for limit in constraints(field.annotation, field.metadata)
        for name in COMPARISONS
        if type(bound := getattr(limit, name, None)) is date
    }
    if all(COMPARISONS[name](USUAL_DATE, bound) for name, bound in limits.items()):
        return USUAL_DATE if limits else None
    name, bound = next(iter(limits.items()))
    return bound + timedelta(DATE_STEPS[name])


def constraints(annotation: object, metadata: Iterable[object]) -> Iterator[object]:
    """Yield the constraints of a type, also of the types in a union."""
    for each in metadata:
        yield from each.metadata if isinstance(each, FieldInfo) else [each]
    for part in get_args(annotation):
        yield from constraints(part, getattr(part, "__metadata__", ()))


SCALARS = {"string": text, "integer": integer}
