"""What goes over the wire: the schemas of a resource, and the parameters by which its lists are filtered and sorted."""

from __future__ import annotations

from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .domain import BOUNDS, KEPT, Field, Resource, Resources, find
from .literals import expression, literal, quoted
from .names import spaced

if TYPE_CHECKING:
    from collections.abc import Iterator

Terms = dict[str, Any]

MEMBERSHIP = 100  # values that one filter takes
SENT = KEPT | {
    "str": "Line",
    "text": "Text",
    "email": "EmailStr",
    "url": "Link",
    "int": "Integer",
    "bigint": "BigInteger",
    "float": "FiniteFloat",
    "decimal": "Number",
    "datetime": "Moment",
    "time": "TimeOfDay",
    "json": "Json",
}
SHOWN = KEPT | {"decimal": "Number", "time": "TimeOfDay"}
EQUAL = frozenset({"str", "int", "bigint", "decimal", "bool", "date", "time", "uuid", "email", "url"})
ORDERED = frozenset({"int", "bigint", "float", "decimal", "date", "datetime", "time"})
SORTED = ORDERED | {"str", "email", "url"}
SEARCHED = frozenset({"str", "text", "email"})


def bound(value: object) -> str:
    """Write a bound; a whole decimal needs no more than its digits."""
    return literal(int(value)) if isinstance(value, Decimal) and value == value.to_integral_value() else literal(value)


def constraints(field: Field) -> Iterator[str]:
    """Give what a schema asks of a value, in Pydantic's terms."""
    if field.min_length:
        yield f"min_length={field.min_length}"
    if field.type in {"str", "text"}:
        yield f"max_length={literal(field.longest)}"
    if field.pattern:
        yield f"pattern={expression(field.pattern)}"
        yield f"examples=[{quoted(field.examples[0])}]"
    yield from (f"{key}={bound(getattr(field, key))}" for key in BOUNDS if getattr(field, key) is not None)
    if field.type == "decimal":
        yield f"max_digits={field.max_digits}"
        yield f"decimal_places={field.decimal_places}"


def sent(resource: Resource, field: Field) -> str:
    """Name the type of a field that comes in."""
    own = field.values or any(constraints(field))
    return resource.type_name(field) if own else SENT[field.type]


def aliases(resource: Resource) -> Iterator[str]:
    """Define the types that a resource's own constraints make."""
    for field in resource.fields:
        if found := ", ".join(constraints(field)):
            rounded = f", places({field.decimal_places})" * (field.type == "decimal")
            yield f"{sent(resource, field)} = Annotated[{SENT[field.type]}, Field({found}){rounded}]"


def default(resource: Resource, field: Field) -> str:
    value = field.default
    if value is None:
        return " = None" if field.optional else ""
    if field.values:
        member = next(name for name, word in field.members if word == value)
        return f" = {resource.type_name(field)}.{member}"
    return (
        f" = Field(default_factory={type(value).__name__})"
        if isinstance(value, dict | list)
        else f" = {literal(value)}"
    )


def summaries(resources: Resources, resource: Resource) -> Iterator[Terms]:
    """Describe what is shown of the things that a resource refers to, where people know them by a name."""
    if not {"create", "list", "read", "update"} & set(resource.operations):
        return
    for field in resource.references:
        target = find(resources, field.to)
        if target.label:
            name = resource.type_name(field)
            yield {
                "name": name,
                "attribute": field.name,
                "field": f"{field.name}: {name}{field.null}",
                "label": f"{target.label.name}: str{target.label.null}",
                "phrase": f"{resource.phrase}'s {spaced(field.name)}",
                "load": f"joinedload({resource.class_name}.{field.name}{'' if field.optional else ', innerjoin=True'})",
            }


def schema(resources: Resources, resource: Resource) -> Terms:
    """Give the fields of each schema; a schema that no operation needs is an empty list."""
    does = set(resource.operations)
    fields = [(field, field.null) for field in resource.fields]
    create = [f"{each.column}: {sent(resource, each)}{null}{default(resource, each)}" for each, null in fields]
    update = [f"{each.column}: {sent(resource, each)} | MISSING{null} = MISSING" for each, null in fields]
    summary = list(summaries(resources, resource))
    lists = list(chain(searching(resource), *(filters(resource, field) for field in resource.fields)))
    return {
        "aliases": list(aliases(resource)),
        "creates": [create] * ("create" in does),
        "updates": [update] * ("update" in does),
        "reads": reading(resource, summary) if does - {"delete"} else [],
        "summaries": summary,
        "filters": [lists] * bool(does & {"list", "export"}),
        "sorts": [[quoted(sign + name) for name in sorts(resource) for sign in ("", "-")]] * ("list" in does),
    }


def reading(resource: Resource, summary: list[Terms]) -> list[Terms]:
    """Describe what is shown: one schema, or two where an export leaves out what a row refers to."""
    name, phrase = resource.class_name, resource.phrase
    shown = [resource.type_name(field) if field.values else SHOWN[field.type] for field in resource.fields]
    own = [f"{field.column}: {kind}{field.null}" for field, kind in zip(resource.fields, shown, strict=True)]
    moments = ["created_at: datetime", "updated_at: datetime"]
    nested = [each["field"] for each in summary]
    keys = ["id: UUID", *["owner_id: UUID"] * resource.owner]
    if not nested or "export" not in resource.operations:
        return [
            {
                "name": f"{name}Read",
                "base": "ReadSchema",
                "doc": f"{phrase}.",
                "fields": [*keys, *own, *nested, *moments],
            }
        ]
    return [
        {
            "name": f"{name}Row",
            "base": "ReadSchema",
            "doc": f"{phrase}, as it is exported.",
            "fields": [*keys, *own, *moments],
        },
        {"name": f"{name}Read", "base": f"{name}Row", "doc": f"{phrase}, with what it refers to.", "fields": nested},
    ]


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────────


def sorts(resource: Resource) -> list[str]:
    return sorted(["created_at", *(each.name for each in resource.fields if each.type in SORTED and each.is_filtered)])


def searched(resource: Resource) -> list[Field]:
    return [field for field in resource.fields if field.type in SEARCHED]


def searching(resource: Resource) -> Iterator[Terms]:
    if columns := ", ".join(f"{resource.class_name}.{field.name}" for field in searched(resource)):
        kind = "Annotated[Line, Field(max_length=120)] | None = None"
        yield {"name": "search", "type": kind, "test": f"contains({columns})"}


def filters(resource: Resource, field: Field) -> Iterator[Terms]:
    """Describe the parameters by which lists are filtered, and what each asks of its column."""
    kind, column = sent(resource, field), f"{resource.class_name}.{field.column}"
    several = f"list[{kind}] = Field([], max_length={MEMBERSHIP})"
    tests = []
    if field.type in {"enum", "ref"}:
        tests = [(field.column, several, "one_of")]
    if field.type in EQUAL:
        tests = [(field.column, f"{kind} | None = None", "equals")]
    if field.type in ORDERED:
        ends = (("from", "at_least"), ("to", "at_most"))
        tests += [(f"{field.column}_{end}", f"{kind} | None = None", test) for end, test in ends]
    if field.is_filtered:
        yield from ({"name": name, "type": kind, "test": f"{test}({column})"} for name, kind, test in tests)


class Wire(Extension):
    """Lets Copier load this module, which its neighbours import."""
