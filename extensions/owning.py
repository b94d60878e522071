"""What a resource's layers print of owners: those of its rows, and those of the rows that it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .domain import find

if TYPE_CHECKING:
    from .domain import Field, Resource, Resources

Terms = dict[str, Any]

READING = {"export", "list", "read"}
CHANGING = {"delete", "update"}


def owned(resources: Resources, resource: Resource) -> list[Field]:
    """List the references that lead to what is somebody's own."""
    return [field for field in resource.references if find(resources, field.to).owner]


def of_service(resources: Resources, resource: Resource) -> Terms:
    """Say whose rows each function of a service means, and where its references may lead."""
    name, owner = resource.class_name, resource.owner
    reaches = bool(owned(resources, resource))
    own = [f"*owned({name}.owner_id, owner)"] * owner
    return {
        "refers": "app.owning" if reaches else "app.database",
        "makes": ", owner: UUID" * owner,
        "means": ", owner: UUID | None" * owner,
        "owner": ", owner" * owner,
        "reach": ", reach: Reach" * reaches,
        "reached": ", reach" * reaches,
        "given": "owner_id=owner, " * owner,
        "asked": own,
        "one": f"ONE.where({own[0]})" if owner else "ONE",
        "tests": f"[{own[0]}, *conditions(query, FILTERS)]" if owner else "conditions(query, FILTERS)",
        "strange": f" or owner not in {{None, {resource.name}.owner_id}}" * owner,
    }


def of_router(resources: Resources, resource: Resource, *, guards: bool) -> Terms:
    """Say who may call each handler, and whose rows it means."""
    owner = resource.owner
    reaches = bool(owned(resources, resource))
    return {
        "policies": policies(resources, resource) if guards else [],
        "guard": ", dependencies=[SIGNED_IN]" * guards,
        "adds": ", dependencies=[WRITE]" * guards,
        "changes": ", dependencies=[WRITE]" * (guards and not owner),
        "caller": ", user: CurrentUser" * owner,
        "caller_id": ", user.id" * owner,
        "reads": ", owner: Annotated[UUID | None, READ]" * owner,
        "writes": ", owner: Annotated[UUID | None, WRITE]" * owner,
        "owner": ", owner" * owner,
        "reach": ", reach: Annotated[Reach, REACH]" * reaches,
        "reached": ", reach" * reaches,
    }


def policies(resources: Resources, resource: Resource) -> list[str]:
    """Name what a router's handlers ask of who calls."""
    does = set(resource.operations)
    read, write = (f'"{resource.path}:{action}"' for action in ("read", "write"))
    targets = [f'{field.column}="{find(resources, field.to).path}"' for field in owned(resources, resource)]
    asked = {
        f"READ = own_unless({read}, {write})": resource.owner and does & READING,
        f"WRITE = own_unless({write})": resource.owner and does & {"create", *CHANGING},
        f"WRITE = require_permission({write})": not resource.owner and does & {"create", *CHANGING},
        f"REACH = reaching({', '.join(targets)})": targets and does & {"create", "update"},
    }
    return [line for line, wanted in asked.items() if wanted]


class Owning(Extension):
    """Lets Copier load this module, which its neighbours import."""
