"""Facts about references to owned rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..language.domain import find

if TYPE_CHECKING:
    from ..language.domain import Field, Resource, Resources

Facts = dict[str, Any]


def owned(resources: Resources, resource: Resource) -> list[Field]:
    """List the references of a resource to owned resources."""
    return [field for field in resource.references if find(resources, field.to).owner]


def targets(resources: Resources, resource: Resource) -> list[Facts]:
    """Return the columns of references to owned resources, each with the path of its target."""
    return [{"column": each.column, "path": find(resources, each.to).path} for each in owned(resources, resource)]
