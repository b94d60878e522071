"""Reject contradictory declarations, such as crossing bounds, conflicting names and cycles of references."""

from __future__ import annotations

import datetime as dt
import math
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

from .domain import BOUNDS, NUMBERS, ORDERED, SAMPLES, Field, Resource, Resources, find
from .errors import reject, shown, suggestion
from .names import camel
from .patterns import matches
from .reserved import CLASSES, COMPONENTS
from .values import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

LONGEST_CONSTRAINT = 63  # characters of an identifier in PostgreSQL
LONGEST_UPDATE = 66  # characters of a resource's and a field's name together; more exceed the line length of schemas
INDEXED = 2_600  # bytes of an entry in a B-tree of PostgreSQL, below its limit of 2,704

COLUMNS = frozenset({"id", "owner_id", "created_at", "updated_at", "deleted_at"})  # that every table may have
SCHEMAS = ("Create", "Filter", "Query", "Read", "Row", "Sort", "Update")

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"ge": ge, "gt": gt, "le": le, "lt": lt}


def check_field(place: str, field: Field) -> None:
    """Reject a field whose options contradict each other."""
    if field.type == "enum" and not field.values:
        reject(place, "an enum needs `values:`, such as [draft, live].")
    if field.type == "ref" and not field.to:
        reject(place, "a ref needs `to:`, the name of a resource.")
    if field.on_delete == "set_null" and not field.optional:
        reject(
            place, "only an optional reference can be set to null: add `optional: true`, or choose restrict or cascade."
        )
    if field.default is not None and field.unique:
        reject(place, "a unique default could be used once only: remove `default` or `unique`.")
    check_lengths(place, field)
    check_bounds(place, field)
    check_default(place, field)


def check_lengths(place: str, field: Field) -> None:
    """Reject length or digit limits that no value satisfies."""
    if field.min_length > field.longest:
        reject(place, f"min_length is more than the maximum length, which is {field.longest}.")
    if field.pattern and not field.examples:
        reject(place, "no example matches its pattern with min_length to max_length characters: simplify the pattern.")
    if field.pattern and max(map(len, field.examples)) > LONGEST["value"]:
        reject(place, f"examples of its pattern exceed {LONGEST['value']} characters: set max_length.")
    if field.type == "decimal" and field.decimal_places > field.max_digits:
        reject(place, f"decimal_places is more than max_digits, which is {field.max_digits}.")


def fits(field: Field, value: Decimal) -> bool:
    """Return whether a decimal fits the field's limits of digits and decimal places."""
    whole = 10 ** (field.max_digits - field.decimal_places)
    return value.copy_abs() < whole and value == round(value, field.decimal_places)  # `abs` may overflow


def check_bounds(place: str, field: Field) -> None:
    """Reject bounds that exclude every value, limit one side twice, or have more digits than the field."""
    for one, other in (("ge", "gt"), ("le", "lt")):
        if getattr(field, one) is not None and getattr(field, other) is not None:
            reject(place, f"{one} and {other} are bounds of the same side: leave one out.")
    if field.type == "decimal":
        for key in BOUNDS:
            bound = getattr(field, key)
            if bound is not None and not fits(field, bound):
                reject(place, f"{key} has more digits than max_digits and decimal_places allow.")
    if field.gt == dt.date.max or field.lt == dt.date.min:
        reject(place, "no date is beyond this bound.")
    least, greatest = field.range
    open_ends = field.type == "float" and (field.gt is not None or field.lt is not None)
    if None not in (least, greatest) and (least > greatest or (open_ends and least == greatest)):
        reject(place, "no value is between its bounds: the lower one exceeds the upper one.")


def check_default(place: str, field: Field) -> None:
    """Reject a default that violates the field's own constraints."""
    value, problem = field.default, ""
    if value is None:
        return
    if field.type == "enum" and value not in field.values:
        problem = suggestion(value, field.values)
    elif field.type in {"str", "text"} and not field.min_length <= len(value) <= field.longest:
        problem = "It is too short or too long for the field."
    elif field.pattern and not matches(field.pattern, value):
        problem = "It does not match the field's pattern."
    elif field.type == "decimal" and not fits(field, value):
        problem = "It has more digits than the field."
    elif field.type in NUMBERS or field.type == "date":
        problem = out_of_bounds(field, value)
    if problem:
        reject(f"{place}: default", f"{shown(str(value))} is invalid. {problem}")


def out_of_bounds(field: Field, value: Any) -> str:  # noqa: ANN401 - of the field's type
    """Return an error that names the bound that a value violates; empty if it violates none."""
    for key, holds in COMPARISONS.items():
        bound = getattr(field, key)
        if bound is not None and not holds(value, bound):
            return f"It breaks {key}."
    return ""


def check_resource(resource: Resource) -> None:
    """Check one resource without looking at the resources that it references."""
    check_columns(resource)
    check_widths(resource)
    check_parameters(resource)
    check_owner(resource)
    for fields in resource.uniques:
        check_uniqueness(resource, fields)


def check_columns(resource: Resource) -> None:
    """Reject two fields of a resource whose columns or generated classes have the same name."""
    columns: dict[str, Field] = {}
    for field in resource.fields:
        for name in {field.name, field.column}:
            if name in columns:
                problem = f"{name} is a name of the field {columns[name].name}, too: choose another name."
                reject(f"{resource.name}.{field.name}", problem)
            columns[name] = field
    classes: dict[str, str] = {}
    for field in resource.fields:
        other = classes.setdefault(field.name.replace("_", ""), field.name)
        if other != field.name:
            reject(f"{resource.name}.{field.name}", f"{other} differs in underscores only: choose another name.")


def check_widths(resource: Resource) -> None:
    """Reject a field whose name and resource name together make a generated line too long."""
    for field in resource.fields:
        wide = len(field.column) + len(resource.class_name) + len(camel(field.name))
        if wide > LONGEST_UPDATE:
            reject(
                f"{resource.name}.{field.name}", "the names of resource and field are too long together: shorten one."
            )


def check_parameters(resource: Resource) -> None:
    """Reject a field named like a query parameter of another field, such as `price_from` beside `price`."""
    if not {"list", "export"} & set(resource.operations):
        return
    columns = {field.column for field in resource.fields if field.is_filtered}
    for field in resource.fields:
        for end in ("from", "to"):
            if field.is_filtered and field.type in ORDERED and f"{field.column}_{end}" in columns:
                problem = f"{field.column}_{end} is a filter of its lists: choose another name for that field."
                reject(f"{resource.name}.{field.name}", problem)


def check_owner(resource: Resource) -> None:
    """Reject a key or a name that contradicts `owner: true`, such as the name `owner` of a reference.

    `owner: true` adds the column `owner_id`, and restricts who reads a row.
    """
    if not resource.owner:
        return
    if resource.read not in {"", "permission"}:
        problem = f"by `owner: true`, only the owner of a row and callers with {resource.path}:read read it"
        reject(f"{resource.name}: read", f"{problem}: remove `read` or `owner`.")
    if "owner" in {resource.name, resource.plural}:
        reject(resource.name, "`owner: true` gives each row an owner of its own: choose another name, such as keeper.")
    for field in resource.references:
        if field.name == "owner":
            problem = "owner_id references the account, by `owner: true`: choose another name, such as holder."
            reject(f"{resource.name}.owner", problem)


def width(field: Field) -> int:
    """Return how many bytes a field's value needs at most in an index.

    A character takes up to four bytes in UTF-8.
    """
    if field.type == "str":
        return 4 * field.longest
    return {"url": 2_083, "email": 1_280, "enum": 4 * LONGEST["value"]}.get(field.type, 16)


def check_uniqueness(resource: Resource, fields: list[Field]) -> None:
    """Reject a unique constraint that is redundant, too wide for an index, or allows only a few rows."""
    place = f"{resource.name}: unique" if len(fields) > 1 else f"{resource.name}.{fields[0].name}"
    names = {field.name for field in fields}
    within = [other for other in resource.uniques if other != fields and names.issuperset(each.name for each in other)]
    if within:
        reject(place, f"a unique constraint over fewer fields, with {within[0][0].name}, implies it: remove one.")
    name = "_".join(["uq", resource.plural, *(field.column for field in fields)])
    if len(name) > LONGEST_CONSTRAINT:
        reject(place, f"its constraint {name} has {len(name)} characters, but databases allow {LONGEST_CONSTRAINT}.")
    if sum(map(width, fields)) > INDEXED:
        reject(place, f"together the fields exceed the {INDEXED} bytes of an index entry: lower max_length.")
    if math.prod(field.room for field in fields if field.type not in {"bool", "enum"}) < SAMPLES:
        reject(place, "its fields have too few values: a dozen rows would exhaust them.")


def check_names(resources: Resources) -> None:
    """Reject two resources with the same name, plural or class."""
    taken: dict[str, str] = {}
    for resource in resources:
        for name in dict.fromkeys((resource.name, resource.plural)):
            if name in taken:
                reject(resource.name, f"{name} is a name of the resource {taken[name]}, too: choose another name.")
            taken[name] = resource.name
    joined: dict[str, str] = {}
    for resource in resources:
        other = joined.setdefault(resource.class_name.lower(), resource.name)
        if other != resource.name:
            reject(resource.name, f"{other} differs in underscores only: choose another name.")


def check_former_names(resources: Resources) -> None:
    """Reject a previous name (`was`) that is the current or previous name of another resource."""
    for resource in resources:
        check_former_columns(resource)
    names = {resource.name for resource in resources}
    tables = {resource.plural: resource.name for resource in resources}
    former: dict[str, str] = {}
    for resource in filter(attrgetter("was"), resources):
        place = f"{resource.name}: was"
        if (resource.was, resource.former_plural) == (resource.name, resource.plural):
            reject(place, "this is its present name: remove `was`.")
        if resource.was in names - {resource.name}:
            reject(place, f"a resource {resource.was} exists: remove it, or remove `was`.")
        holder = tables.get(resource.former_plural, resource.name)
        if holder != resource.name:
            reject(place, f"{resource.former_plural} is the plural of {holder}: remove `was`.")
        for name in dict.fromkeys((resource.was, resource.former_plural)):
            other = former.setdefault(name, resource.name)
            if other != resource.name:
                reject(place, f"{name} is the previous name of {other}, too: remove one.")


def check_former_columns(resource: Resource) -> None:
    """Reject a previous name (`was`) that is the current or previous name of another field."""
    present = {name: field.name for field in resource.fields for name in (field.name, field.column)}
    former: dict[str, str] = {}
    for field in filter(attrgetter("was"), resource.fields):
        place = f"{resource.name}.{field.name}: was"
        if field.was == field.name:
            reject(place, "this is its present name: remove `was`.")
        if field.former_column in COLUMNS:
            reject(place, f"{field.former_column} is a column that the template adds: remove `was`.")
        if field.former_column in present:
            reject(place, f"a field {present[field.former_column]} exists: remove it, or remove `was`.")
        other = former.setdefault(field.former_column, field.name)
        if other != field.name:
            reject(place, f"{field.was} is the previous name of {other}, too: remove one.")


def has_class(resources: Resources, field: Field) -> bool:
    """Return whether the schemas define a named type for a field, such as an enumeration."""
    if field.type == "ref":
        return find(resources, field.to).label is not None
    return bool(field.values) or field.is_constrained


def check_classes(resources: Resources, resource: Resource) -> None:
    """Reject a field whose generated type has the name of another class in the same module."""
    targets = {find(resources, field.to).class_name for field in resource.references}
    schemas = {f"{resource.prefix}{suffix}" for suffix in SCHEMAS}
    for field in resource.fields:
        name = resource.type_name(field)
        taken = CLASSES | COMPONENTS | schemas | {resource.class_name} | (targets if field.values else set())
        if has_class(resources, field) and name in taken:
            problem = f"another class has the name of its class {name}: choose another, such as {field.name}_value."
            reject(f"{resource.name}.{field.name}", problem)


def check_indexes(resources: Resources) -> None:
    """Reject a field whose index has the same name as the index of another resource.

    The name joins the names of table and column. In PostgreSQL, index names are unique within a schema.
    """
    taken: dict[str, str] = {}
    for resource in resources:
        for field in resource.fields:
            name = f"ix_{resource.plural}_{field.column}"
            if not field.is_filtered or field.unique:
                continue
            other = taken.setdefault(name, resource.name)
            if other != resource.name:
                problem = f"its index {name} is that of {other}, too: choose another name for one of them."
                reject(f"{resource.name}.{field.name}", problem)


def check_references(resource: Resource, known: Mapping[str, Resource]) -> None:
    """Reject a reference to a missing resource, and a required reference from a resource to itself."""
    for field in resource.references:
        place = f"{resource.name}.{field.name}"
        if field.to not in known:
            reject(f"{place}: to", f"there is no resource {shown(field.to)}. {suggestion(field.to, known)}")
        if field.to == resource.name and not field.optional:
            reject(place, "the first row could reference none: make it optional, `optional: true`.")


def required(resource: Resource) -> list[str]:
    """Return the names of the resources to which a resource has required references."""
    return [field.to for field in resource.references if not field.optional]


def check_cycles(resources: Resources) -> None:
    """Reject a cycle of required references, in which no row could be inserted first."""
    placed: set[str] = set()
    left = list(resources)
    while ready := [resource for resource in left if placed.issuperset(required(resource))]:
        placed |= {resource.name for resource in ready}
        left = [resource for resource in left if resource not in ready]
    if left:
        following = {resource.name: next(to for to in required(resource) if to not in placed) for resource in left}
        cycle = [left[0].name]
        while following[cycle[-1]] not in cycle:
            cycle.append(following[cycle[-1]])
        cycle = [*cycle[cycle.index(following[cycle[-1]]) :], following[cycle[-1]]]
        field = next(field for field in find(resources, cycle[0]).references if field.to == cycle[1])
        reject(
            f"{cycle[0]}.{field.name}",
            f"required references form a cycle: {' → '.join(cycle)}. Make one optional: `optional: true`.",
        )
