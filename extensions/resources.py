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

import datetime as dt
import math
import re
from decimal import Decimal, InvalidOperation
from operator import ge, gt, le, lt
from typing import TYPE_CHECKING, Annotated, Any

from jinja2.ext import Extension
from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError

from .domain import BITS, BOUNDS, NUMBERS, ON_DELETE, OPERATIONS, SAMPLES, Field, Resource, Resources, find
from .names import (
    DomainError,
    article,
    camel,
    choice,
    field_name,
    known_key,
    line,
    member,
    near,
    plural_name,
    refuse,
    resource_name,
    shown,
    snake_case,
    spaced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


RESOURCES, FIELDS, VALUES, LISTED = 100, 100, 100, 20  # of each, the most
LONGEST = {"constraint": 63, "value": 50, "description": 80, "update": 66, "str": 500, "text": 1_000_000}  # characters
MOST_DIGITS = 15  # of decimals, which SQLite keeps exactly
INDEXED = 2_600  # bytes of a row that PostgreSQL's B-trees take, with some to spare

KEPT: dict[str, Callable[[Any, Any], bool]] = {"ge": ge, "gt": gt, "le": le, "lt": lt}
EVERYWHERE = ("type", "optional")
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


def boolean(place: str, value: object) -> bool:
    if not isinstance(value, bool):
        refuse(place, f"{shown(value)} is neither true nor false.")
    return value


def count(place: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(place, f"{shown(value)} is not a whole number from {least} to {most}.")
    return value


def whole(place: str, kind: str, value: object) -> int:
    limit = 1 << BITS[kind]
    return count(place, value, -limit, limit - 1)


def real(place: str, _: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        refuse(place, f"{shown(value)} is not a number.")
    return float(value)


def decimal(place: str, _: str, value: object) -> Decimal:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        refuse(place, f"{shown(value)} is not a decimal number.")
    return found


def day(place: str, _: str, value: object) -> dt.date:
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
        refuse(place, f"{shown(value)} is not a date like 2026-01-31.")
    return value


def switch(place: str, _: str, value: object) -> bool:
    return boolean(place, value)


def words(place: str, _: str, value: object) -> str:
    return line(place, value, LONGEST["value"])


def container(place: str, _: str, value: object) -> object:
    if value not in ({}, []):
        refuse(place, "a default of json is {} or []; anything else is up to the service's own code.")
    return value


CONVERT: dict[str, Callable[[str, str, object], Any]] = {
    "bigint": whole,
    "bool": switch,
    "date": day,
    "decimal": decimal,
    "enum": words,
    "float": real,
    "int": whole,
    "json": container,
    "str": words,
    "text": words,
}


def pattern(place: str, value: object) -> str:
    """Take a regular expression that both Python and Pydantic's Rust understand."""
    found = line(place, value, LONGEST["str"])
    try:
        re.compile(found)
        TypeAdapter(Annotated[str, StringConstraints(pattern=found)])
    except (re.error, SchemaError):
        refuse(place, f"{shown(found)} is no regular expression without look-around and back-references.")
    if not (found.startswith("^") and found.endswith("$")):
        refuse(place, "it begins with ^ and ends with $, or it would match any text that holds a match.")
    return found


def enum_values(place: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        refuse(place, "it is a list of words, such as [draft, live].")
    if len(value) > VALUES:
        refuse(place, f"there are {len(value)}; {VALUES} is the most.")
    found = tuple(line(place, each, LONGEST["value"]) for each in value)
    names = [member(each) for each in found]
    for number, name in enumerate(names):
        if not name.strip("_"):
            refuse(place, f"{shown(found[number])} has no letter or digit to name it by.")
        if name in names[:number]:
            refuse(place, f"{found[names.index(name)]} and {found[number]} would both be called {name}.")
    return found


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
        **dict.fromkeys(("index", "optional", "unique"), boolean),
        **{key: lambda at, value: CONVERT[kind](at, kind, value) for key in (*BOUNDS, "default")},
    }
    values = {key: readers[key](f"{place}: {key}", value) for key, value in given.items()}
    field = Field(name=found, **values)
    check_field(place, field)
    return field


def check_field(place: str, field: Field) -> None:
    """Refuse what each part allows and the whole does not."""
    if field.type == "enum" and not field.values:
        refuse(place, "an enum has `values:`, such as [draft, live].")
    if field.type == "ref" and not field.to:
        refuse(place, "a ref has `to:`, the name of a resource.")
    if field.on_delete == "set_null" and not field.optional:
        refuse(
            place, "only an optional reference can be set to null; add `optional: true`, or choose restrict or cascade."
        )
    if field.default is not None and field.unique:
        refuse(place, "a default that is unique can be used once; leave one of both out.")
    check_lengths(place, field)
    check_bounds(place, field)
    check_default(place, field)


def check_lengths(place: str, field: Field) -> None:
    if field.min_length > field.longest:
        refuse(place, f"min_length is more than {field.longest}, the longest that it may be.")
    if field.pattern and not field.examples:
        refuse(place, "no text from min_length to max_length was found that matches its pattern; simplify it.")
    if field.pattern and max(map(len, field.examples)) > LONGEST["value"]:
        refuse(
            place, f"what matches its pattern has over {LONGEST['value']} characters; use min_length and max_length."
        )
    if field.type == "decimal" and field.decimal_places > field.max_digits:
        refuse(place, f"decimal_places is more than max_digits, which is {field.max_digits}.")


def fits(field: Field, value: Decimal) -> bool:
    """Say whether a decimal has no more digits than the field."""
    return value == round(value, field.decimal_places) and abs(value) < 10 ** (field.max_digits - field.decimal_places)


def check_bounds(place: str, field: Field) -> None:
    for one, other in (("ge", "gt"), ("le", "lt")):
        if getattr(field, one) is not None and getattr(field, other) is not None:
            refuse(place, f"{one} and {other} are two bounds of one side; leave one out.")
    if field.type == "decimal":
        for key in BOUNDS:
            bound = getattr(field, key)
            if bound is not None and not fits(field, bound):
                refuse(place, f"{key} has more digits than max_digits and decimal_places allow.")
    if field.gt == dt.date.max or field.lt == dt.date.min:
        refuse(place, "no date lies beyond this bound.")
    least, greatest = field.range
    open_ends = field.type == "float" and (field.gt is not None or field.lt is not None)
    if None not in (least, greatest) and (least > greatest or (open_ends and least == greatest)):
        refuse(place, "no value lies between its bounds; the lower is above the upper.")


def check_default(place: str, field: Field) -> None:
    value, problem = field.default, ""
    if value is None:
        return
    if field.type == "enum" and value not in field.values:
        problem = near(value, field.values)
    elif field.type in {"str", "text"} and not field.min_length <= len(value) <= field.longest:
        problem = "It is too short or too long for the field."
    elif field.pattern and not re.search(field.pattern, value):
        problem = "It does not match the field's pattern."
    elif field.type == "decimal" and not fits(field, value):
        problem = "It has more digits than the field."
    elif field.type in NUMBERS or field.type == "date":
        problem = out_of_bounds(field, value)
    if problem:
        refuse(f"{place}: default", f"{shown(str(value))} cannot be. {problem}")


def out_of_bounds(field: Field, value: Any) -> str:  # noqa: ANN401 - of the field's type
    for key, holds in KEPT.items():
        bound = getattr(field, key)
        if bound is not None and not holds(value, bound):
            return f"It breaks {key}."
    return ""


# ── Resources ─────────────────────────────────────────────────────────────────────────────────────

KEYS = ("name", "plural", "description", "fields", "unique", "operations", "owner", "soft_delete")


def read_resource(number: int, told: object, features: Iterable[str]) -> Resource:
    place = f"resource {number}"
    if not isinstance(told, dict):
        refuse(place, f"{shown(told)} is not a mapping with a `name` and `fields`.")
    if "name" not in told:
        refuse(place, "it has no `name:`.")
    name = resource_name(place, told["name"], features)
    for key in told:
        known_key(name, key, KEYS)
    plural = plural_name(name, name, told.get("plural"))
    fields = read_fields(name, told.get("fields"))
    resource = Resource(
        name=name,
        plural=plural,
        description=read_description(f"{name}: description", told.get("description"), name),
        fields=fields,
        unique=read_unique(f"{name}: unique", told.get("unique", []), fields),
        operations=read_operations(f"{name}: operations", told.get("operations", list(OPERATIONS))),
        owner=boolean(f"{name}: owner", told.get("owner", False)),
        soft_delete=boolean(f"{name}: soft_delete", told.get("soft_delete", False)),
    )
    check_resource(resource)
    return resource


def read_description(place: str, told: object, name: str) -> str:
    if told is None:
        return f"{article(spaced(name)).capitalize()}."
    found = line(place, told, LONGEST["description"])
    if "\\" in found or '"""' in found or found[0] == '"':
        refuse(place, "it stands in a docstring; begin with a word, and leave out backslashes and triple quotes.")
    return found if found[-1] in ".!?…" else f"{found}."


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


def check_resource(resource: Resource) -> None:
    check_columns(resource)
    check_widths(resource)
    check_parameters(resource)
    for fields in resource.uniques:
        check_uniqueness(resource, fields)


def check_columns(resource: Resource) -> None:
    columns: dict[str, Field] = {}
    for field in resource.fields:
        for name in {field.name, field.column}:
            if name in columns:
                refuse(
                    f"{resource.name}.{field.name}", f"{name} is taken by {columns[name].name}; choose another name."
                )
            columns[name] = field
    classes: dict[str, str] = {}
    for field in resource.fields:
        other = classes.setdefault(field.name.replace("_", ""), field.name)
        if other != field.name:
            refuse(f"{resource.name}.{field.name}", f"{other} is all but the same name; choose another.")


def check_widths(resource: Resource) -> None:
    """Refuse names that together leave no room on a line of the schemas."""
    for field in resource.fields:
        wide = len(field.column) + len(resource.class_name) + len(camel(field.name))
        if wide > LONGEST["update"]:
            refuse(
                f"{resource.name}.{field.name}", "the names of resource and field are too long together; shorten one."
            )


def check_parameters(resource: Resource) -> None:
    """Refuse fields whose filters would bear one name: `price` has `price_from`, which may be a field, too."""
    columns = {field.column for field in resource.fields}
    for field in resource.fields:
        for end in ("from", "to"):
            if f"{field.column}_{end}" in columns:
                problem = f"{field.column}_{end} is what its lists are filtered by; choose another name for that field."
                refuse(f"{resource.name}.{field.name}", problem)


def width(field: Field) -> int:
    """Tell how many bytes of an index a value may take."""
    if field.type == "str":
        return 4 * field.longest
    return {"url": 2_083, "email": 1_280, "enum": 4 * LONGEST["value"]}.get(field.type, 16)


def check_uniqueness(resource: Resource, fields: list[Field]) -> None:
    place = f"{resource.name}: unique" if len(fields) > 1 else f"{resource.name}.{fields[0].name}"
    names = {field.name for field in fields}
    within = [other for other in resource.uniques if other != fields and names.issuperset(each.name for each in other)]
    if within:
        refuse(place, f"{within[0][0].name} is unique by less already; leave one of both out.")
    name = "_".join(["uq", resource.plural, *(field.column for field in fields)])
    if len(name) > LONGEST["constraint"]:
        refuse(place, f"its constraint {name} has {len(name)} characters; databases keep {LONGEST['constraint']}.")
    if sum(map(width, fields)) > INDEXED:
        refuse(place, f"together the fields are too long for an index of {INDEXED} bytes; lower max_length.")
    if math.prod(field.room for field in fields if field.type not in {"bool", "enum"}) < SAMPLES:
        refuse(place, "its fields can take too few values; a dozen rows would exhaust them.")


# ── The domain ────────────────────────────────────────────────────────────────────────────────────


def read_domain(told: object, features: Iterable[str] = ()) -> Resources:
    """Read the whole answer.

    Raises `DomainError` for the first mistake.
    """
    if not isinstance(told, list):
        refuse("", f"{shown(told)} is not a list of resources; [] is a service without any.")
    if len(told) > RESOURCES:
        refuse("", f"there are {len(told)} resources; {RESOURCES} is the most that one service may have.")
    features = frozenset(features)
    found = tuple(read_resource(number, each, features) for number, each in enumerate(told, 1))
    check_names(found)
    for resource in found:
        check_references(resource, {each.name: each for each in found})
    check_cycles(found)
    return found


def check_names(resources: Resources) -> None:
    taken: dict[str, str] = {}
    for resource in resources:
        for name in (resource.name, resource.plural):
            if name in taken:
                refuse(resource.name, f"{name} is taken by {taken[name]}, another resource; choose another name.")
            taken[name] = resource.name
    joined: dict[str, str] = {}
    for resource in resources:
        other = joined.setdefault(resource.name.replace("_", ""), resource.name)
        if other != resource.name:
            refuse(resource.name, f"{other} is all but the same name; choose another.")


def check_references(resource: Resource, known: Mapping[str, Resource]) -> None:
    for field in resource.references:
        place = f"{resource.name}.{field.name}"
        if field.to not in known:
            refuse(f"{place}: to", f"there is no resource {shown(field.to)}. {near(field.to, known)}")
        if field.to == resource.name and not field.optional:
            refuse(place, "the first one would have nothing to refer to; make it optional: `optional: true`.")


def required(resource: Resource) -> list[str]:
    return [field.to for field in resource.references if not field.optional]


def check_cycles(resources: Resources) -> None:
    """Refuse required references that lead round in a circle: none of its members could be the first."""
    placed: set[str] = set()
    left = list(resources)
    while ready := [resource for resource in left if placed.issuperset(required(resource))]:
        placed |= {resource.name for resource in ready}
        left = [resource for resource in left if resource not in ready]
    if left:
        ahead = {resource.name: next(to for to in required(resource) if to not in placed) for resource in left}
        circle = [left[0].name]
        while ahead[circle[-1]] not in circle:
            circle.append(ahead[circle[-1]])
        circle = [*circle[circle.index(ahead[circle[-1]]) :], ahead[circle[-1]]]
        field = next(field for field in find(resources, circle[0]).references if field.to == circle[1])
        refuse(
            f"{circle[0]}.{field.name}",
            f"required references lead round: {' → '.join(circle)}. Make one of them optional: `optional: true`.",
        )


def domain_problem(told: object, features: Iterable[str] = ()) -> str:
    """Say what is wrong with the answer, and the mend; nothing when it is sound."""
    try:
        read_domain(told, features)
    except DomainError as error:
        return str(error)
    return ""


class Language(Extension):
    """Lets Copier load this module, which its neighbours import."""
