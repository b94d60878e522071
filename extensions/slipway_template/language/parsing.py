"""Parse and validate the answer `resources`, a list of resource declarations.

    resources:
      - name: product
        fields:
          title: {type: str, min_length: 1, max_length: 120}
          released_on: date?
          category: {type: ref, to: category}

Each error is one line with the resource, the field and the fix. `docs/resources.md` documents the language for people,
and `resources.schema.json` for editors.
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
from .domain import BOUNDS, ON_DELETE, OPERATIONS, READERS, Field, Resource, Resources
from .errors import DomainError, check_key, choice, line, reject, shown
from .names import article, spaced
from .reserved import check_conflicts, field_name, former_name, former_plural, plural_name, resource_name, snake_case
from .values import CONVERT, LONGEST, boolean, count, enum_values, member_names, pattern

if TYPE_CHECKING:
    from collections.abc import Callable

RESOURCES, FIELDS, LISTED = 50, 100, 20  # maxima; FastAPI caches the query models of 60 resources
MOST_DIGITS = 15  # of decimals: SQLite stores them as doubles, which have 15 exact digits
EVERYWHERE = ("type", "optional", "was")
# Keys of each type, besides those of `EVERYWHERE`.
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


def expanded(place: str, source: object) -> dict[str, Any]:
    """Return a field's declaration as a mapping, such as `{type: date, optional: true}` for `date?`."""
    if isinstance(source, str):
        source = {"type": source}
    if not isinstance(source, dict):
        reject(
            place, f"{shown(source)} is neither a type, such as date, nor a mapping with a type, such as {{type: str}}."
        )
    declaration = dict(source)
    if "type" not in declaration:
        reject(place, f"it has no type. There are: {', '.join(TYPES)}.")
    kind = declaration["type"]
    if isinstance(kind, str) and kind.endswith("?"):
        if "optional" in declaration:
            reject(place, f"{kind} and `optional:` are redundant: remove one.")
        declaration |= {"type": kind[:-1], "optional": True}
    choice(place, declaration["type"], TYPES)
    for key in declaration:
        check_key(place, key, TYPES[declaration["type"]] + EVERYWHERE)
    return declaration


def read_field(resource: str, name: object, source: object) -> Field:
    """Parse the declaration of one field, and check it."""
    place = f"{resource}.{name}" if isinstance(name, str) else resource
    declaration = expanded(place[:100], source)
    kind = declaration["type"]
    valid_name = field_name(place[:100], name, kind)
    readers: dict[str, Callable[[str, Any], Any]] = {
        "decimal_places": lambda at, value: count(at, value, 0, declaration.get("max_digits", 10)),
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
    values = {key: readers[key](f"{place}: {key}", value) for key, value in declaration.items()}
    if "values" in declaration:
        values["member_names"] = member_names(f"{place}: values", declaration["values"])
    field = Field(name=valid_name, **values)
    check_field(place, field)
    return with_decimal_places(field)


def with_decimal_places(field: Field) -> Field:
    """Pad or round a decimal default to the column's decimal places, such as `0` to `0.00`."""
    if field.type != "decimal" or field.default is None:
        return field
    return replace(field, default=round(field.default, field.decimal_places) + 0)


# ── Resources ─────────────────────────────────────────────────────────────────────────────────────

KEYS = ("name", "plural", "was", "description", "fields", "unique", "operations", "read", "owner", "soft_delete")


def read_resource(number: int, source: object) -> Resource:
    """Parse and check one resource.

    Error messages name the resource's position `number` if it has no name.
    """
    name, source = read_mapping(f"resource {number}", source)
    plural = plural_name(name, source.get("plural"))
    check_conflicts(name, plural)
    fields = read_fields(name, source.get("fields"))
    was, former_plural = read_was(f"{name}: was", source["was"]) if "was" in source else ("", "")
    resource = Resource(
        name=name,
        plural=plural,
        description=read_description(f"{name}: description", source.get("description"), name),
        fields=fields,
        unique=read_unique(f"{name}: unique", source.get("unique", []), fields),
        operations=read_operations(f"{name}: operations", source.get("operations", list(OPERATIONS))),
        read=choice(f"{name}: read", source["read"], READERS) if "read" in source else "",
        owner=boolean(f"{name}: owner", source.get("owner", False)),
        soft_delete=boolean(f"{name}: soft_delete", source.get("soft_delete", False)),
        was=was,
        former_plural=former_plural,
    )
    check_resource(resource)
    return resource


def read_mapping(place: str, source: object) -> tuple[str, dict[str, Any]]:
    """Return a resource's name, and the mapping that declares the resource."""
    if not isinstance(source, dict):
        reject(place, f"{shown(source)} is not a mapping with a `name` and `fields`.")
    if "name" not in source:
        reject(place, "it has no `name:`.")
    name = resource_name(place, source["name"])
    for key in source:
        check_key(name, key, KEYS)
    return name, source


def read_was(place: str, source: object) -> tuple[str, str]:
    """Return the previous name and plural of a renamed resource, which `was` declares."""
    if not isinstance(source, dict):
        source = {"name": source}
    for key in source:
        check_key(place, key, ("name", "plural"))
    if "name" not in source:
        reject(place, "it has no `name:`, the previous name of the resource.")
    name = former_name(place, source["name"])
    return name, former_plural(place, name, source.get("plural"))


def read_description(place: str, source: object, name: str) -> str:
    """Return a resource's description as a sentence, or the resource's name with an article if it has none."""
    if source is None:
        return f"{article(spaced(name)).capitalize()}."
    description = line(place, source, LONGEST["description"])
    if "\\" in description or '"""' in description or description[0] == '"':
        reject(place, "it becomes a docstring: begin with a word, and remove backslashes and triple quotes.")
    return description if description[-1] in ".!?" else f"{description}."


def read_fields(resource: str, source: object) -> tuple[Field, ...]:
    """Parse the fields of a resource in their declared order."""
    if not isinstance(source, dict) or not source:
        reject(resource, "it has no `fields:`, a mapping of names to types.")
    if len(source) > FIELDS:
        reject(resource, f"it has {len(source)} fields, but {FIELDS} are allowed: split it into several resources.")
    return tuple(read_field(resource, name, field) for name, field in source.items())


def read_unique(place: str, source: object, fields: tuple[Field, ...]) -> tuple[tuple[str, ...], ...]:
    """Parse a resource's unique constraints over several fields."""
    if not isinstance(source, list) or len(source) > LISTED:
        reject(place, f"it is a list of at most {LISTED} lists of fields, such as [[room, starts_on]].")
    known = {field.name: field for field in fields}
    for names in source:
        if not isinstance(names, list) or not 1 < len(names) <= LISTED:
            reject(place, "each entry is a list of two fields or more; for one field, set `unique: true` there.")
        for name in names:
            choice(place, name, known)
            if known[name].type in {"text", "json", "float"}:
                reject(place, f"{name} is {known[name].type}, which cannot be unique: use str or decimal.")
        if len(set(names)) < len(names) or sorted(names) in [sorted(other) for other in source if other is not names]:
            reject(place, f"{', '.join(names)}: a name is repeated.")
    return tuple(tuple(names) for names in source)


def read_operations(place: str, source: object) -> tuple[str, ...]:
    """Parse a resource's operations, and sort them as in `OPERATIONS`."""
    if not isinstance(source, list) or not source:
        reject(place, f"it is a list of some of: {', '.join(OPERATIONS)}.")
    for each in source[: len(OPERATIONS) + 1]:
        choice(place, each, OPERATIONS)
    if len(set(source)) < len(source):
        reject(place, "a name is repeated.")
    return tuple(each for each in OPERATIONS if each in source)


# ── The domain ────────────────────────────────────────────────────────────────────────────────────


def read_domain(source: object) -> Resources:
    """Parse all resources, and check them one by one and together.

    Raises:
        DomainError: at the first error.
    """
    if not isinstance(source, list):
        reject("", f"{shown(source)} is not a list of resources; [] is a service without any.")
    if len(source) > RESOURCES:
        reject("", f"there are {len(source)} resources, but {RESOURCES} are allowed: split the service.")
    resources = tuple(read_resource(number, each) for number, each in enumerate(source, 1))
    check_names(resources)
    check_former_names(resources)
    for resource in resources:
        check_references(resource, {each.name: each for each in resources})
    for resource in resources:
        check_classes(resources, resource)
    check_indexes(resources)
    check_cycles(resources)
    return resources


def domain_problem(source: object) -> str:
    """Return an error message with a fix for the first error in `resources`; empty if the answer is valid."""
    try:
        read_domain(source)
    except DomainError as error:
        return str(error)
    return ""
