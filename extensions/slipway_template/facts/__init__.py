"""Compute the Jinja context of each resource, from which the templates generate its modules and tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..language.names import spaced
from . import factories, models, ownership, schemas, tables, tests

if TYPE_CHECKING:
    from ..language.domain import Resource, Resources

Facts = dict[str, Any]

READING = {"export", "list", "read"}
WRITING = {"create", "update", "delete"}


def names(resource: Resource) -> Facts:
    """Return the names of a resource as templates print them in code, URL paths and sentences."""
    return {
        "name": resource.name,
        "plural": resource.plural,
        "class": resource.class_name,
        "prefix": resource.prefix,
        "variable": resource.variable,
        "alias": resource.alias,
        "words": spaced(resource.name),
        "phrase": resource.phrase,
        "all": spaced(resource.plural),
        "path": resource.path,
        "description": resource.description,
    }


def conditions(resources: Resources, resource: Resource, *, guards: bool) -> Facts:
    """Return the booleans that a resource's templates test, such as whether the resource has an owner."""
    operations = set(resource.operations)
    loads = bool(list(schemas.summaries(resources, resource)))
    return {
        "operations": list(resource.operations),
        "guards": guards,
        "owner": resource.owner,
        "read": resource.read,
        "soft_delete": resource.soft_delete,
        "unique": bool(resource.uniques),
        "references": bool(resource.references),
        "loads": loads,  # joins its references to show their labels
        "answers": operations != {"delete"},
        "shows": bool(operations & READING),
        "writes": bool(operations & WRITING),
        "reads": "read" in operations or (loads and bool(operations & {"create", "update"})),
        "locks": bool(operations & {"update", "delete"}),
        "refers": bool(resource.references) and bool(operations & {"create", "update"}),
    }


def resource_facts(resources: Resources, resource: Resource, late: tables.Late, *, guards: bool) -> Facts:
    """Return the complete Jinja context of a resource."""
    return {
        **names(resource),
        **conditions(resources, resource, guards=guards),
        "owned_targets": ownership.targets(resources, resource),
        "enums": models.enums(resource),
        "model": models.facts(resources, resource, late),
        "schema": schemas.facts(resources, resource),
        "factory": factories.facts(resources, resource),
        "tests": tests.facts(resources, resource),
    }


def domain_facts(resources: Resources, *, guards: bool) -> tuple[list[Facts], list[Facts]]:
    """Return the Jinja contexts of all resources in declared order, and of their tables in creation order."""
    created, late = tables.ordered(resources)
    facts = [resource_facts(resources, each, late, guards=guards) for each in resources]
    return facts, [tables.facts(resources, each, late) for each in created]


def requests(resources: Resources) -> list[Facts]:
    """Return an example request for the README that creates a row; empty if no resource is suitable.

    A suitable resource supports create, list and read, and has no required reference.
    """
    for each in resources:
        required = [field for field in each.references if not field.optional]
        if {"create", "list", "read"} <= set(each.operations) and not required:
            unique = [field.name for field in each.fields if field.unique and not field.optional]
            return [
                {
                    "body": factories.example(each),
                    "path": each.path,
                    "phrase": each.phrase,
                    "unique": unique[:1],
                }
            ]
    return []
