"""Compute the Jinja context of a resource's generated tests.

It has lists of test cases, with values as Python source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..language.domain import ORDERED, find
from ..language.names import spaced
from .factories import is_circular, is_required, is_unique
from .ownership import owned
from .samples import invalid_values, samples, written
from .schemas import EQUAL, SORTED

if TYPE_CHECKING:
    from ..language.domain import Field, Resource, Resources

Facts = dict[str, Any]

LITERAL_SEARCH = ("100% wool", "1000 nails")  # `%` is literal: a search for `100%` finds only the first
# Keys of the cases that call a factory.
FACTORIES = ("by_reference", "deleted_targets", "restricted", "cascaded", "soft_cascaded", "nulled", "foreign")
# Variables of tests that call the factories of circular references, which they would shadow.
SHADOWING = frozenset({"client", "first", "other", "response", "second", "taken"})
METHODS = (("GET", "read", 200), ("PATCH", "update", 200), ("DELETE", "delete", 204))


def factory(resources: Resources, resource: Resource, target: str) -> str:
    """Return the name under which a resource's tests import another resource's test factory."""
    variable = find(resources, target).variable
    is_shadowed = variable in SHADOWING and bool(left_out(resources, resource))
    return "factory" if target == resource.name else f"{variable}_" if is_shadowed else variable


def ranges(resource: Resource, kinds: frozenset[str], *, plain: bool = False) -> list[Facts]:
    """Return a test case per filterable field of the given types, with a lower and a higher value."""
    cases = []
    for field in resource.fields:
        both = samples(field) if field.type in kinds and field.is_filtered and not (plain and field.pattern) else []
        if len(both) > 1:
            low, high = (written(resource, field, value) for value in both)
            cases.append({"field": field.column, "low": low, "high": high})
    return cases


def change(resource: Resource) -> Facts:
    """Return the test case of a PATCH request that changes one field and must preserve all optional fields."""
    able = [(field, [written(resource, field, value) for value in samples(field)]) for field in resource.fields]
    for field, both in able:
        if len(both) > 1:
            optional = [
                (each, values[-1]) for each, values in able if values and each != field and not is_required(each)
            ]
            values_before = [{"field": each.column, "value": value} for each, value in [(field, both[0]), *optional]]
            return {"field": field.column, "high": both[1], "given": values_before}
    return {}


def searched(resource: Resource) -> str:
    """Return the column that stores the texts of `LITERAL_SEARCH` in a test; empty if none can."""
    texts = [field for field in resource.fields if field.type in {"str", "text"} and not field.pattern]
    shortest, longest = sorted(map(len, LITERAL_SEARCH))
    fitting = [field.column for field in texts if field.min_length <= shortest and longest <= field.longest]
    return fitting[0] if fitting else ""


def with_rule(resources: Resources, resource: Resource, rule: str) -> list[Facts]:
    """Return a test case per reference with the given ON DELETE rule, to rows that clients can delete.

    `soft_cascade` stands for CASCADE from soft-deleted rows to rows that are soft-deleted, too.
    """
    cases = []
    for field in resource.references:
        target = find(resources, field.to)
        is_soft = field.on_delete == "cascade" and resource.soft_delete and target.soft_delete
        if ("soft_cascade" if is_soft else field.on_delete) == rule and "delete" in target.operations:
            name, words = factory(resources, resource, field.to), spaced(target.name)
            cases.append({"field": field.column, "factory": name, "path": target.path, "words": words})
    return cases


def targets(resources: Resources, resource: Resource, fields: list[Field]) -> list[Facts]:
    """Return a test case per reference, with its column, the target's test factory, and the target's name."""
    return [
        {"field": field.column, "factory": factory(resources, resource, field.to), "words": spaced(field.to)}
        for field in fields
    ]


def left_out(resources: Resources, resource: Resource) -> list[Field]:
    """List the unique references that requests can set, but that test factories leave null."""
    if not {"create", "update"} & set(resource.operations):
        return []
    return [
        each for each in resource.references if is_unique(resource, each) and is_circular(resources, resource, each)
    ]


def permitted(resource: Resource) -> list[Facts]:
    """Return the expected status code of each HTTP method on another owner's row, for each permission."""
    cases = []
    for method, operation, status in METHODS:
        if operation in resource.operations:
            read = status if operation == "read" else 404
            cases += [
                {"method": method, "permission": f"{resource.path}:read", "status": read},
                {"method": method, "permission": f"{resource.path}:write", "status": status},
            ]
    return cases


def scopes(resources: Resources, resource: Resource) -> list[str]:
    """Return the additional scopes that an API key needs to reference rows owned by accounts."""
    paths = {find(resources, field.to).path for field in owned(resources, resource)} - {resource.path}
    return [f"{path}:read" for path in sorted(paths)]


def imported(resources: Resources, resource: Resource, cases: Facts) -> list[Facts]:
    """Return the imports of the test factories that the test cases call."""
    used = {case["factory"] for key in (*FACTORIES, "left_out") for case in cases[key]}
    others = sorted(each.name for each in resources if each != resource)
    variables = {name: factory(resources, resource, name) for name in others}
    return [{"name": name, "variable": variable} for name, variable in variables.items() if variable in used]


def fields_of(resource: Resource) -> Facts:
    """Return the test cases that concern a single field, such as valid, invalid and missing values."""
    fields = resource.fields
    invalid = [(field.column, value) for field in fields for value in dict.fromkeys(invalid_values(field))]
    return {
        "uniques": [[field.column for field in each] for each in resource.uniques],
        "unfit": [{"field": column, "value": value} for column, value in invalid],
        "change": change(resource),
        "optional": [field.column for field in fields if field.optional],
        "required": next((field.column for field in fields if not field.optional), ""),
        "equal": ranges(resource, EQUAL | {"enum"}),
        "ranges": ranges(resource, ORDERED),
        "sorts": ranges(resource, SORTED, plain=True),
        "search": searched(resource),
    }


def references_of(resources: Resources, resource: Resource) -> Facts:
    """Return the test cases that concern references, such as deleted targets and rows of other owners."""
    references = list(resource.references)
    filtered = [field for field in references if field.is_filtered]
    soft = [field for field in references if find(resources, field.to).soft_delete]
    return {
        "references": targets(resources, resource, references),
        "by_reference": targets(resources, resource, filtered),
        "deleted_targets": targets(resources, resource, soft),
        "restricted": with_rule(resources, resource, "restrict"),
        "cascaded": with_rule(resources, resource, "cascade"),
        "soft_cascaded": with_rule(resources, resource, "soft_cascade"),
        "nulled": with_rule(resources, resource, "set_null"),
        "foreign": targets(resources, resource, owned(resources, resource)),
        "left_out": targets(resources, resource, left_out(resources, resource)),
    }


def methods(resource: Resource) -> list[Facts]:
    """Return each HTTP method that a resource supports on a single row, with its success status code."""
    return [
        {"method": method, "status": status}
        for method, operation, status in METHODS
        if operation in resource.operations
    ]


def facts(resources: Resources, resource: Resource) -> Facts:
    """Return the Jinja context of a resource's generated tests."""
    cases = {
        **fields_of(resource),
        **references_of(resources, resource),
        "methods": methods(resource),
        "permitted": permitted(resource),
        "scopes": scopes(resources, resource),
    }
    return cases | {"targets": imported(resources, resource, cases)}
