"""What each part of a domain allows, and the whole does not: bounds that cross, names that clash, circles."""

from __future__ import annotations

import datetime as dt
import math
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

from .domain import BOUNDS, NUMBERS, ORDERED, SAMPLES, Field, Resource, Resources, find
from .errors import near, refuse, shown
from .names import camel
from .patterns import matches
from .reserved import CLASSES, COMPONENTS
from .values import LONGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

LONGEST_CONSTRAINT = 63  # characters of a name that databases keep
LONGEST_UPDATE = 66  # characters of a resource's and a field's names that leave room on a line of its schemas
INDEXED = 2_600  # bytes of a row that PostgreSQL's B-trees take, with some to spare

COLUMNS = frozenset({"id", "owner_id", "created_at", "updated_at", "deleted_at"})  # of resources, beside their fields
SCHEMAS = ("Create", "Filter", "Query", "Read", "Row", "Sort", "Update")

KEPT: dict[str, Callable[[Any, Any], bool]] = {"ge": ge, "gt": gt, "le": le, "lt": lt}


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
    elif field.pattern and not matches(field.pattern, value):
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


def check_resource(resource: Resource) -> None:
    check_columns(resource)
    check_widths(resource)
    check_parameters(resource)
    check_owner(resource)
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
        if wide > LONGEST_UPDATE:
            refuse(
                f"{resource.name}.{field.name}", "the names of resource and field are too long together; shorten one."
            )


def check_parameters(resource: Resource) -> None:
    """Reject fields with the name of a range filter: `price` has `price_from`, which may be a field, too."""
    if not {"list", "export"} & set(resource.operations):
        return
    columns = {field.column for field in resource.fields if field.is_filtered}
    for field in resource.fields:
        for end in ("from", "to"):
            if field.is_filtered and field.type in ORDERED and f"{field.column}_{end}" in columns:
                problem = f"{field.column}_{end} is what its lists are filtered by; choose another name for that field."
                refuse(f"{resource.name}.{field.name}", problem)


def check_owner(resource: Resource) -> None:
    """Refuse what would be confused with the account that owns a row."""
    if not resource.owner:
        return
    if "owner" in {resource.name, resource.plural}:
        refuse(resource.name, "`owner: true` gives it an owner of its own; choose another name, such as keeper.")
    for field in resource.references:
        if field.name == "owner":
            told = "owner_id is the account that `owner: true` gives each; choose another name, such as holder."
            refuse(f"{resource.name}.owner", told)


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
    if len(name) > LONGEST_CONSTRAINT:
        refuse(place, f"its constraint {name} has {len(name)} characters; databases keep {LONGEST_CONSTRAINT}.")
    if sum(map(width, fields)) > INDEXED:
        refuse(place, f"together the fields are too long for an index of {INDEXED} bytes; lower max_length.")
    if math.prod(field.room for field in fields if field.type not in {"bool", "enum"}) < SAMPLES:
        refuse(place, "its fields can take too few values; a dozen rows would exhaust them.")


def check_names(resources: Resources) -> None:
    taken: dict[str, str] = {}
    for resource in resources:
        for name in dict.fromkeys((resource.name, resource.plural)):
            if name in taken:
                refuse(resource.name, f"{name} is taken by {taken[name]}, another resource; choose another name.")
            taken[name] = resource.name
    joined: dict[str, str] = {}
    for resource in resources:
        other = joined.setdefault(resource.class_name.lower(), resource.name)
        if other != resource.name:
            refuse(resource.name, f"{other} is all but the same name; choose another.")


def check_former_names(resources: Resources) -> None:
    """Reject previous names that something else has, as its own name or as its previous one."""
    for resource in resources:
        check_former_columns(resource)
    names = {resource.name for resource in resources}
    tables = {resource.plural: resource.name for resource in resources}
    former: dict[str, str] = {}
    for resource in filter(attrgetter("was"), resources):
        place = f"{resource.name}: was"
        if (resource.was, resource.former_plural) == (resource.name, resource.plural):
            refuse(place, "this is its present name; leave `was` out.")
        if resource.was in names - {resource.name}:
            refuse(place, f"there is a resource {resource.was}; leave it out, or `was`.")
        holder = tables.get(resource.former_plural, resource.name)
        if holder != resource.name:
            refuse(place, f"{resource.former_plural} is the plural of {holder}; leave `was` out.")
        for name in dict.fromkeys((resource.was, resource.former_plural)):
            other = former.setdefault(name, resource.name)
            if other != resource.name:
                refuse(place, f"{name} is the previous name of {other}, too; leave one of both out.")


def check_former_columns(resource: Resource) -> None:
    present = {name: field.name for field in resource.fields for name in (field.name, field.column)}
    former: dict[str, str] = {}
    for field in filter(attrgetter("was"), resource.fields):
        place = f"{resource.name}.{field.name}: was"
        if field.was == field.name:
            refuse(place, "this is its present name; leave `was` out.")
        if field.former_column in COLUMNS:
            refuse(place, f"{field.former_column} is a column that comes by itself; leave `was` out.")
        if field.former_column in present:
            refuse(place, f"there is a field {present[field.former_column]}; leave it out, or `was`.")
        other = former.setdefault(field.former_column, field.name)
        if other != field.name:
            refuse(place, f"{field.was} is the previous name of {other}, too; leave one of both out.")


def has_class(resources: Resources, field: Field) -> bool:
    """Return whether a field has a type of its own: an enumeration, constraints, or the label of its target."""
    if field.type == "ref":
        return find(resources, field.to).label is not None
    return bool(field.values) or field.is_constrained


def check_classes(resources: Resources, resource: Resource) -> None:
    """Reject fields whose type has the name of another class that its modules use."""
    targets = {find(resources, field.to).class_name for field in resource.references}
    schemas = {f"{resource.prefix}{suffix}" for suffix in SCHEMAS}
    for field in resource.fields:
        name = resource.type_name(field)
        taken = CLASSES | COMPONENTS | schemas | {resource.class_name} | (targets if field.values else set())
        if has_class(resources, field) and name in taken:
            problem = f"its class {name} has the name of another one; choose another name, such as {field.name}_value."
            refuse(f"{resource.name}.{field.name}", problem)


def check_indexes(resources: Resources) -> None:
    """Reject indexes of one name, which is made of table and column, and unique in a schema."""
    taken: dict[str, str] = {}
    for resource in resources:
        for field in resource.fields:
            name = f"ix_{resource.plural}_{field.column}"
            if not field.is_filtered or field.unique:
                continue
            other = taken.setdefault(name, resource.name)
            if other != resource.name:
                problem = f"its index {name} is that of {other}, too; choose another name for one of both."
                refuse(f"{resource.name}.{field.name}", problem)


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
