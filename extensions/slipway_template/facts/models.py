"""Compute the Jinja context of SQLAlchemy models and enumerations."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from ..language.domain import STORED, find
from ..language.names import spaced
from .tables import conditions, is_indexed, on_delete, server_default

if TYPE_CHECKING:
    from ..language.domain import Field, Resource, Resources
    from .tables import Late

Facts = dict[str, Any]


def column_type(resource: Resource, field: Field) -> str:
    """Return a column's SQLAlchemy type as Python source; empty if the annotation implies the type."""
    return {
        "str": f"String({field.longest})",
        "text": "Text",
        "email": "String(320)",
        "url": "String(2083)",
        "bigint": "BigInteger",
        "float": "Double",
        "decimal": f"Numeric({field.max_digits}, {field.decimal_places})",
        "json": "JSON(none_as_null=True)" if field.optional else "JSON",
        "enum": f"enum_type({resource.type_name(field)})",
    }.get(field.type, "")


def column(resources: Resources, resource: Resource, field: Field, late: Late) -> Facts:
    """Return the Jinja context of a column in a model.

    `target` is the referenced table, `deferred` if its creation is later; `was` is the previous name.
    """
    return {
        "name": field.column,
        "was": field.former_column if field.was else "",
        "annotation": f"{resource.type_name(field) if field.values else STORED[field.type]}{field.null}",
        "type": column_type(resource, field),
        "target": find(resources, field.to).plural if field.to else "",
        "on_delete": on_delete(field),
        "deferred": (resource.name, field.name) in late,
        **server_default(field),
        "unique": field.unique,
        "index": is_indexed(field),
    }


def relationship(resources: Resources, resource: Resource, field: Field) -> Facts:
    """Return the Jinja context of a relationship in a model.

    `is_ambiguous` states that several foreign keys join the two tables.
    """
    pair = {resource.name, field.to}
    joins = [one for each in resources for one in each.references if {each.name, one.to} == pair]
    target = find(resources, field.to)
    return {
        "name": field.name,
        "column": field.column,
        "module": target.name,
        "class": target.class_name,
        "optional": field.optional,
        "is_ambiguous": len(joins) > 1,
        "is_to_itself": target == resource,
    }


def constraints(resource: Resource) -> list[Facts]:
    """Return the unique, check and enumeration constraints of a model's table as Jinja context."""
    composite = [[resource.field(name).column for name in names] for names in resource.unique]
    checks = chain.from_iterable(map(conditions, resource.fields))
    return [
        *({"kind": "unique", "columns": columns} for columns in composite),
        *({"kind": "check", "condition": condition} for condition in checks),
        *(
            {"kind": "enum", "column": field.name, "type": resource.type_name(field)}
            for field in resource.fields
            if field.values
        ),
    ]


def facts(resources: Resources, resource: Resource, late: Late) -> Facts:
    """Return the Jinja context of a resource's SQLAlchemy model."""
    targets = {field.to: find(resources, field.to) for field in resource.references if field.to != resource.name}
    former = resource.former_plural
    return {
        "was": former if former != resource.plural else "",
        "constraints": constraints(resource),
        "columns": [column(resources, resource, field, late) for field in resource.fields],
        "relationships": [relationship(resources, resource, field) for field in resource.references],
        "targets": [{"module": name, "class": targets[name].class_name} for name in sorted(targets)],
    }


def enums(resource: Resource) -> list[Facts]:
    """Return the enumerations of a resource, each with the names and values of its members."""
    return [
        {
            "name": resource.type_name(field),
            "phrase": f"{spaced(field.name)} of {resource.phrase}",
            "members": [{"name": name, "value": value} for name, value in field.members],
        }
        for field in resource.fields
        if field.values
    ]
