"""Compute the Jinja context of Pydantic schemas, and of the parameters that filter and sort lists."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..language.domain import BOUNDS, ORDERED, STORED, find
from ..language.literals import expression, literal
from ..language.names import spaced
from ..quoting import quoted
from .ownership import is_readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..language.domain import Field, Resource, Resources

Facts = dict[str, Any]

SENT = STORED | {
    "str": "Line",
    "text": "Text",
    "email": "AsciiEmail",
    "url": "Link",
    "int": "Integer",
    "bigint": "BigInteger",
    "float": "FiniteFloat",
    "decimal": "Number",
    "datetime": "Moment",
    "time": "TimeOfDay",
    "json": "Json",
}
SHOWN = STORED | {"decimal": "Number", "time": "TimeOfDay"}
EQUAL = frozenset({"str", "int", "bigint", "decimal", "bool", "date", "time", "uuid", "email", "url"})
SORTED = ORDERED | {"str", "email", "url"}
SEARCHED = frozenset({"str", "text", "email"})


def bound(value: object) -> str:
    """Return a field's bound as Python source, with whole decimals as integers."""
    return literal(int(value)) if isinstance(value, Decimal) and value == value.to_integral_value() else literal(value)


def constraints(field: Field) -> dict[str, str]:
    """Return the keyword arguments of Pydantic's `Field` for a field's constraints, as Python source."""
    arguments = {}
    if field.min_length:
        arguments["min_length"] = str(field.min_length)
    if field.type in {"str", "text"}:
        arguments["max_length"] = literal(field.longest)
    if field.pattern:
        arguments |= {"pattern": expression(field.pattern), "examples": f"[{quoted(field.examples[0])}]"}
    arguments |= {key: bound(getattr(field, key)) for key in BOUNDS if getattr(field, key) is not None}
    if field.type == "decimal":
        arguments |= {"max_digits": str(field.max_digits), "decimal_places": str(field.decimal_places)}
    return arguments


def sent_type(resource: Resource, field: Field) -> str:
    """Return a field's type in request bodies, such as the name of its enumeration or constrained type."""
    return resource.type_name(field) if field.values or field.is_constrained else SENT[field.type]


def aliases(resource: Resource) -> list[Facts]:
    """Return the Jinja context of a resource's constrained types.

    `places` is the number of decimal places in responses.
    """
    return [
        {
            "name": resource.type_name(field),
            "base": SENT[field.type],
            "constraints": constraints(field),
            "is_decimal": field.type == "decimal",
            "places": field.decimal_places,
        }
        for field in resource.fields
        if field.is_constrained
    ]


def default(resource: Resource, field: Field) -> Facts:
    """Return the keys `default` and `factory` of a field's default, of which at most one is filled.

    `default` is Python source. `factory` is `dict` or `list`, for the empty container of a `json` field.
    """
    value = field.default
    if isinstance(value, dict | list):
        return {"factory": type(value).__name__, "default": ""}
    if value is None:
        return {"factory": "", "default": "None" if field.optional else ""}
    if field.values:
        member = next(name for name, word in field.members if word == value)
        return {"factory": "", "default": f"{resource.type_name(field)}.{member}"}
    return {"factory": "", "default": literal(value)}


def field_facts(resource: Resource, field: Field) -> Facts:
    """Return the Jinja context of a schema's field, with its types in requests and responses, and its default."""
    return {
        "name": field.column,
        "sent": sent_type(resource, field),
        "shown": resource.type_name(field) if field.values else SHOWN[field.type],
        "optional": field.optional,
        **default(resource, field),
    }


def summaries(resources: Resources, resource: Resource) -> Iterator[Facts]:
    """Yield the Jinja context of each reference whose row is summarised in responses by its label.

    A row that some readers of the resource may not read has no summary.
    """
    if not {"create", "list", "read", "update"} & set(resource.operations):
        return
    for field in resource.references:
        target = find(resources, field.to)
        if target.label and is_readable(resource, target):
            yield {
                "name": field.name,
                "class": resource.type_name(field),
                "optional": field.optional,
                "label": target.label.name,
                "label_is_optional": target.label.optional,
                "phrase": f"{resource.phrase}'s {spaced(field.name)}",
            }


def facts(resources: Resources, resource: Resource) -> Facts:
    """Return the Jinja context of a resource's Pydantic schemas."""
    return {
        "aliases": aliases(resource),
        "fields": [field_facts(resource, field) for field in resource.fields],
        "summaries": list(summaries(resources, resource)),
        "filters": [each for field in resource.fields for each in filters(resource, field)],
        "searched": [field.name for field in searched(resource)],
        "sorts": sorts(resource),
    }


def sorts(resource: Resource) -> list[str]:
    """List the fields by which clients can sort the list of a resource."""
    return sorted(["created_at", *(each.name for each in resource.fields if each.type in SORTED and each.is_filtered)])


def searched(resource: Resource) -> list[Field]:
    """List the text fields that the search parameter of a list matches."""
    return [field for field in resource.fields if field.type in SEARCHED]


def filters(resource: Resource, field: Field) -> Iterator[Facts]:
    """Yield each query parameter that filters a list by a field, with its comparison function."""
    if not field.is_filtered:
        return
    comparisons = []
    if field.type in {"enum", "ref"}:
        comparisons = [(field.column, "one_of")]
    if field.type in EQUAL:
        comparisons = [(field.column, "equals")]
    if field.type in ORDERED:
        comparisons += [(f"{field.column}_from", "at_least"), (f"{field.column}_to", "at_most")]
    for name, comparison in comparisons:
        yield {
            "name": name,
            "column": field.column,
            "type": sent_type(resource, field),
            "comparison": comparison,
            "several": comparison == "one_of",
        }
