"""Find a resource's references to rows that only some callers may read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..language.domain import find

if TYPE_CHECKING:
    from ..language.domain import Field, Resource, Resources

Facts = dict[str, Any]


def owned(resources: Resources, resource: Resource) -> list[Field]:
    """List the references of a resource to resources declared with `owner: true`."""
    return [field for field in resource.references if find(resources, field.to).owner]


def targets(resources: Resources, resource: Resource) -> list[Facts]:
    """Return the column and the target's URL path of each reference to a resource with `owner: true`."""
    return [{"column": each.column, "path": find(resources, each.to).path} for each in owned(resources, resource)]


def is_readable(resource: Resource, target: Resource) -> bool:
    """Return whether all readers of a resource's row may read the row of another resource that it references.

    Owners may reference only rows that they may read. Each permission to read is of one resource.
    """
    if target.read == "public" or target == resource:
        return True
    if target.owner:
        return resource.owner
    return target.read == "signed_in" and resource.read != "public"
