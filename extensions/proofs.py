"""Which tests prove a resource, and with which cases; the template of the tests holds each of them by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .domain import find
from .literals import quoted
from .owning import owned
from .samples import is_unique, leads_back, needed, samples, unfit, written

if TYPE_CHECKING:
    from .domain import Field, Resource, Resources

Terms = dict[str, Any]

EQUAL = frozenset({"str", "int", "bigint", "decimal", "bool", "date", "time", "uuid", "email", "url", "enum"})
ORDERED = frozenset({"int", "bigint", "float", "decimal", "date", "datetime", "time"})
SORTED = ORDERED | {"str", "email", "url"}
SOUGHT = ("100% wool", "1000 nails")  # a search for 100% finds the first only
FACTORIES = ("by_reference", "gone", "strange", "restricted", "cascaded", "nulled")  # cases that name one
METHODS = (("GET", "read", 200), ("PATCH", "update", 200), ("DELETE", "delete", 204))
# Each test, with the operations that it calls and the cases that it takes, in the order of the file.
NEEDS: dict[str, tuple[set[str], str]] = {
    "shown": ({"create", "read"}, ""),
    "made": ({"create"}, "unread"),
    "unique": ({"create"}, "uniques"),
    "moved": ({"update"}, "uniques"),
    "refused": ({"create"}, ""),
    "dangling": ({"create"}, "references"),
    "dangling_change": ({"update"}, "references"),
    "gone": ({"create"}, "gone"),
    "changed": ({"update"}, "change"),
    "cleared": ({"update"}, "optional"),
    "insisted": ({"update"}, "required"),
    "deleted": ({"delete"}, "hard"),
    "marked": ({"delete"}, "soft"),
    "missing": (set(), "methods"),
    "filtered": ({"list"}, "equal"),
    "filtered_by_reference": ({"list"}, "by_reference"),
    "ranged": ({"list"}, "ranges"),
    "sorted": ({"list"}, "sorts"),
    "newest": ({"list"}, ""),
    "searched": ({"list"}, "search"),
    "paged": ({"list"}, ""),
    "unknown": ({"list"}, ""),
    "counted": ({"list"}, "loads"),
    "exported": ({"export"}, ""),
    "restricted": (set(), "restricted"),
    "cascaded": (set(), "cascaded"),
    "nulled": (set(), "nulled"),
    "own": (set(), "own"),
    "hidden": (set(), "own"),
    "opened": (set(), "opened"),
    "listed": ({"list"}, "owner"),
    "downloaded": ({"export"}, "owner"),
    "owner": ({"create"}, "owner"),
    "owner_kept": ({"update"}, "owner"),
    "keyed": ({"create"}, "owner"),
    "strange": ({"create"}, "strange"),
    "strange_change": ({"update"}, "strange"),
}


def module_of(resource: Resource, target: str) -> str:
    """Name the factory of what a resource refers to, as its tests know it."""
    return "factory" if target == resource.name else target


def cases(resource: Resource, kinds: frozenset[str], *, plain: bool = False) -> list[str]:
    """Write a case for each field of some kinds of which there are two values: its column, and both."""
    found = []
    for field in resource.fields:
        both = samples(field) if field.type in kinds and field.is_filtered and not (plain and field.pattern) else []
        if len(both) > 1:
            low, high = (written(resource, field, value) for value in both)
            found.append(f"({quoted(field.column)}, {low}, {high})")
    return found


def changed(resource: Resource) -> list[Terms]:
    """Choose a field to change, and beside it all that a careless change would reset."""
    able = [(field, [written(resource, field, value) for value in samples(field)]) for field in resource.fields]
    for field, both in able:
        if len(both) > 1:
            loose = [(other, values[-1]) for other, values in able if other != field and values and not needed(other)]
            given = [f"{quoted(each.column)}: {value}" for each, value in [(field, both[0]), *loose]]
            return [{"column": field.column, "high": both[1], "given": ", ".join(given)}]
    return []


def searched(resource: Resource) -> list[Terms]:
    """Choose a field to search."""
    texts = [field for field in resource.fields if field.type in {"str", "text"} and not field.pattern]
    shortest, longest = sorted(map(len, SOUGHT))
    fitting = [field.column for field in texts if field.min_length <= shortest and longest <= field.longest]
    return [{"column": column} for column in fitting[:1]]


def kept_targets(resources: Resources, resource: Resource, rule: str) -> list[str]:
    """Write a case for each reference whose target can be deleted for good: its column, its factory, its path."""
    found = []
    for field in resource.references:
        target = find(resources, field.to)
        if field.on_delete == rule and "delete" in target.operations and not target.soft_delete:
            found.append(f"({quoted(field.column)}, {module_of(resource, field.to)}, {quoted(target.path)})")
    return found


def targets(resource: Resource, fields: list[Field]) -> list[str]:
    """Write a case for each of some references: its column, and its factory."""
    return [f"({quoted(field.column)}, {module_of(resource, field.to)})" for field in fields]


def loose(resources: Resources, resource: Resource) -> list[tuple[str, str]]:
    """List the unique references that a row can do without: each with the factory of what it may refer to."""
    left = [each for each in resource.references if is_unique(resource, each) and leads_back(resources, resource, each)]
    return [(field.column, module_of(resource, field.to)) for field in left]


def opened(resource: Resource) -> list[str]:
    """Write a case for each method and permission: how an answer ends that is about somebody else's row."""
    found = []
    for method, operation, status in METHODS:
        if operation in resource.operations:
            read = status if operation == "read" else 404
            found += [
                f'("{method}", "{resource.path}:read", {read})',
                f'("{method}", "{resource.path}:write", {status})',
            ]
    return found


def scopes(resources: Resources, resource: Resource) -> list[str]:
    """Name what an API key needs to make one, with all that it refers to."""
    targets = {find(resources, field.to).path for field in owned(resources, resource)} - {resource.path}
    return [quoted(f"{path}:read") for path in sorted(targets)]


def material(resources: Resources, resource: Resource) -> Terms:
    """Give the cases of all tests; those without any are not written."""
    fields, references = resource.fields, resource.references
    soft = [field for field in references if find(resources, field.to).soft_delete]
    return {
        "uniques": ["[" + ", ".join(quoted(field.column) for field in each) + "]" for each in resource.uniques],
        "unfit": [f"({quoted(each.column)}, {value})" for each in fields for value in dict.fromkeys(unfit(each))],
        "references": [quoted(field.column) for field in references],
        "by_reference": targets(resource, [field for field in references if field.is_filtered]),
        "gone": targets(resource, soft),
        "change": changed(resource),
        "optional": [quoted(field.column) for field in fields if field.optional],
        "required": [field.column for field in fields if not field.optional][:1],
        "methods": [quoted(method) for method, operation, _ in METHODS if operation in resource.operations],
        "equal": cases(resource, EQUAL),
        "ranges": cases(resource, ORDERED),
        "sorts": cases(resource, SORTED, plain=True),
        "search": searched(resource),
        "restricted": kept_targets(resources, resource, "restrict"),
        "cascaded": kept_targets(resources, resource, "cascade"),
        "nulled": kept_targets(resources, resource, "set_null"),
        "own": [f'("{method}", {status})' for method, operation, status in METHODS if operation in resource.operations]
        * resource.owner,
        "opened": opened(resource) * resource.owner,
        "strange": targets(resource, owned(resources, resource)),
    }


def tests(resources: Resources, resource: Resource, *, loads: bool) -> Terms:
    """List the tests of a resource, and what they are filled with."""
    does = set(resource.operations)
    cases = material(resources, resource)
    facts = {
        "hard": not resource.soft_delete,
        "soft": resource.soft_delete,
        "loads": loads,
        "unread": "read" not in does,
        "owner": resource.owner,
    }
    found = cases | facts | {"": True}
    factories = {case.split(", ")[1].rstrip(")") for key in FACTORIES for case in cases[key]}
    referred = loose(resources, resource) if does & {"create", "update"} else []
    return cases | {
        "loose": [", ".join(f"{quoted(column)}: (await {made}.make(session)).id" for column, made in referred)]
        * bool(referred),
        "parts": [name for name, (calls, takes) in NEEDS.items() if calls <= does and found[takes]],
        "targets": sorted(factories.union(made for _, made in referred) - {"factory"}),
        "lists": ["found"] * ("list" in does),
        "may_write": "" if resource.owner else f', "{resource.path}:write"',
        "scopes": scopes(resources, resource),
    }


class Proofs(Extension):
    """Lets Copier load this module, which its neighbours import."""
