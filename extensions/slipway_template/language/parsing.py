"""The language of resources: what an owner says of the service's domain, parsed and checked.

    resources:
      - name: product
        fields:
          title: {type: str, min_length: 1, max_length: 120}
          released_on: date?
          category: {type: ref, to: category}

Every mistake is told as one line that names the resource, the field and the mend. `docs/resources.md` describes the
language for those who write it, and `resources.schema.json` for their editors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .consistency import (
    check_classes,
    check_cycles,
    check_field,
    check_former_names,
    check_indexes,
    check_names,
    check_references,
    check_resource,
)
from .domain import BOUNDS, ON_DELETE, OPERATIONS, Field, Resource, Resources
from .errors import DomainError, choice, known_key, line, refuse, shown
from .names import article, plural_of, spaced
from .reserved import check_conflicts, field_name, former_name, plural_name, resource_name, snake_case
from .values import CONVERT, LONGEST, boolean, count, enum_values, pattern

if TYPE_CHECKING:
    from collections.abc import Callable

RESOURCES, FIELDS, LISTED = 50, 100, 20  # of each, the most; FastAPI caches the query models of 60 resources
MOST_DIGITS = 15  # of decimals, which SQLite keeps exactly
EVERYWHERE = ("type", "optional", "was")
# What each type may be told, beyond what is allowed everywhere.
TYPES: dict[str, tuple[str, ...]] = {
    "str": ("min_length", "max_length", "pattern", "default", "unique", "index"),
    "text": ("min_length", "max_length", "default"),
    "int": (*BOUNDS, "default", "unique", "index"),
    "bigint": (*BOUNDS, "default", "unique", "index"),
    "float": (*BOUNDS, "default", "index"),
    "decimal": ("max_digits", "decimal_places", *BOUNDS, "default", "unique", "index"),
    "bool": ("default", "index"),
    "date": (*BOUNDS, "default", "unique", "index"),
    "datetime": ("unique", "index"),
    "time": ("unique", "index"),
    "uuid": ("unique", "index"),
    "json": ("default",),
    "enum": ("values", "default", "index"),
    "email": ("unique", "index"),
    "url": ("unique", "index"),
    "ref": ("to", "on_delete", "unique", "index"),
}

# ── Fields ────────────────────────────────────────────────────────────────────────────────────────


def expanded(place: str, told: object) -> dict[str, Any]:
    """Write out the short form: `date?` is an optional date."""
    if isinstance(told, str):
        told = {"type": told}
    if not isinstance(told, dict):
        refuse(
            place, f"{shown(told)} is neither a type, such as date, nor a mapping with a type, such as {{type: str}}."
        )
    found = dict(told)
    if "type" not in found:
        refuse(place, f"it has no type. There are: {', '.join(TYPES)}.")
    kind = found["type"]
    if isinstance(kind, str) and kind.endswith("?"):
        if "optional" in found:
            refuse(place, f"{kind} and `optional:` say the same; leave one out.")
        found |= {"type": kind[:-1], "optional": True}
    choice(place, found["type"], TYPES)
    for key in found:
        known_key(place, key, TYPES[found["type"]] + EVERYWHERE)
    return found


def read_field(resource: str, name: object, told: object) -> Field:
    place = f"{resource}.{name}" if isinstance(name, str) else resource
    given = expanded(place[:100], told)
    kind = given["type"]
    found = field_name(place[:100], name, kind)
    readers: dict[str, Callable[[str, Any], Any]] = {
        "decimal_places": lambda at, value: count(at, value, 0, given.get("max_digits", 10)),
        "max_digits": lambda at, value: count(at, value, 1, MOST_DIGITS),
        "max_length": lambda at, value: count(at, value, 1, LONGEST[kind]),
        "min_length": lambda at, value: count(at, value, 0, LONGEST[kind]),
        "on_delete": lambda at, value: choice(at, value, ON_DELETE),
        "pattern": pattern,
        "to": lambda at, value: snake_case(at, value, "name"),
        "type": lambda _, value: value,
        "values": enum_values,
        "was": former_name,
        **dict.fromkeys(("index", "optional", "unique"), boolean),
        **{key: lambda at, value: CONVERT[kind](at, kind, value) for key in (*BOUNDS, "default")},
    }
    values = {key: readers[key](f"{place}: {key}", value) for key, value in given.items()}
    field = Field(name=found, **values)
    check_field(place, field)
    return with_its_digits(field)


def with_its_digits(field: Field) -> Field:
    """Write a decimal default with as many digits after the point as the database tells: `0` becomes `0.00`."""
    if field.type != "decimal" or field.default is None:
        return field
    return replace(field, default=round(field.default, field.decimal_places) + 0)


# ── Resources ─────────────────────────────────────────────────────────────────────────────────────

KEYS = ("name", "plural", "was", "description", "fields", "unique", "operations", "owner", "soft_delete")


def read_resource(number: int, told: object) -> Resource:
    place = f"resource {number}"
    if not isinstance(told, dict):
        refuse(place, f"{shown(told)} is not a mapping with a `name` and `fields`.")
    if "name" not in told:
        refuse(place, "it has no `name:`.")
    name = resource_name(place, told["name"])
    for key in told:
        known_key(name, key, KEYS)
    plural = plural_name(name, told.get("plural"))
    check_conflicts(name, plural)
    fields = read_fields(name, told.get("fields"))
    was, former_plural = read_was(f"{name}: was", told["was"]) if "was" in told else ("", "")
    resource = Resource(
        name=name,
        plural=plural,
        description=read_description(f"{name}: description", told.get("description"), name),
        fields=fields,
        unique=read_unique(f"{name}: unique", told.get("unique", []), fields),
        operations=read_operations(f"{name}: operations", told.get("operations", list(OPERATIONS))),
        owner=boolean(f"{name}: owner", told.get("owner", False)),
        soft_delete=boolean(f"{name}: soft_delete", told.get("soft_delete", False)),
        was=was,
        former_plural=former_plural,
    )
    check_resource(resource)
    return resource


def read_was(place: str, told: object) -> tuple[str, str]:
    """Return the previous name and plural of a resource; a mapping has a plural that English forms otherwise."""
    if not isinstance(told, dict):
        told = {"name": told}
    for key in told:
        known_key(place, key, ("name", "plural"))
    if "name" not in told:
        refuse(place, "it has no `name:`, the previous name of the resource.")
    name = former_name(place, told["name"])
    return name, former_name(place, told["plural"]) if "plural" in told else plural_of(name)


def read_description(place: str, told: object, name: str) -> str:
    if told is None:
        return f"{article(spaced(name)).capitalize()}."
    found = line(place, told, LONGEST["description"])
    if "\\" in found or '"""' in found or found[0] == '"':
        refuse(place, "it stands in a docstring; begin with a word, and leave out backslashes and triple quotes.")
    return found if found[-1] in ".!?" else f"{found}."


def read_fields(resource: str, told: object) -> tuple[Field, ...]:
    if not isinstance(told, dict) or not told:
        refuse(resource, "it has no `fields:`, a mapping of names to types.")
    if len(told) > FIELDS:
        refuse(resource, f"it has {len(told)} fields; {FIELDS} is the most. Divide it into several resources.")
    return tuple(read_field(resource, name, field) for name, field in told.items())


def read_unique(place: str, told: object, fields: tuple[Field, ...]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(told, list) or len(told) > LISTED:
        refuse(place, f"it is a list of at most {LISTED} lists of fields, such as [[room, starts_on]].")
    known = {field.name: field for field in fields}
    for names in told:
        if not isinstance(names, list) or not 1 < len(names) <= LISTED:
            refuse(place, "each entry is a list of two fields or more; one field alone is `unique: true`.")
        for name in names:
            choice(place, name, known)
            if known[name].type in {"text", "json", "float"}:
                refuse(place, f"{name} is {known[name].type}, which cannot be unique; use str or decimal.")
        if len(set(names)) < len(names) or sorted(names) in [sorted(other) for other in told if other is not names]:
            refuse(place, f"{', '.join(names)}: something is named twice.")
    return tuple(tuple(names) for names in told)


def read_operations(place: str, told: object) -> tuple[str, ...]:
    if not isinstance(told, list) or not told:
        refuse(place, f"it is a list of some of: {', '.join(OPERATIONS)}.")
    for each in told[: len(OPERATIONS) + 1]:
        choice(place, each, OPERATIONS)
    if len(set(told)) < len(told):
        refuse(place, "something is named twice.")
    return tuple(each for each in OPERATIONS if each in told)


# ── The domain ────────────────────────────────────────────────────────────────────────────────────


def read_domain(told: object) -> Resources:
    """Read the whole answer.

    Raises `DomainError` for the first mistake.
    """
    if not isinstance(told, list):
        refuse("", f"{shown(told)} is not a list of resources; [] is a service without any.")
    if len(told) > RESOURCES:
        refuse("", f"there are {len(told)} resources; {RESOURCES} is the most that one service may have.")
    found = tuple(read_resource(number, each) for number, each in enumerate(told, 1))
    check_names(found)
    check_former_names(found)
    for resource in found:
        check_references(resource, {each.name: each for each in found})
    for resource in found:
        check_classes(found, resource)
    check_indexes(found)
    check_cycles(found)
    return found


def domain_problem(told: object) -> str:
    """Say what is wrong with the answer, and the mend; nothing when it is sound."""
    try:
        read_domain(told)
    except DomainError as error:
        return str(error)
    return ""
