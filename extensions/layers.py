"""What the layers of a service print of a resource: plain data, which the templates under `template/` put together.

These are terms of Python. `layout.py` breaks their lines, and sorts out the imports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.ext import Extension

from .names import spaced
from .owning import of_router, of_service
from .proofs import tests
from .samples import example, factory
from .tables import model, ordered, table
from .wire import schema, summaries

if TYPE_CHECKING:
    from .domain import Resource, Resources

Terms = dict[str, Any]


# ── Services ──────────────────────────────────────────────────────────────────────────────────────


def functions(does: set[str], *, reads: bool) -> list[str]:
    """List the functions of a service, in order."""
    parts = {
        "create": "create" in does,
        "read": reads,
        "get": does & {"update", "delete"},
        "update": "update" in does,
        "delete": "delete" in does,
        "search": "list" in does,
        "export": "export" in does,
    }
    return [name for name, wanted in parts.items() if wanted]


def constants(does: set[str], *, reads: bool) -> list[str]:
    """List what the functions share, in order."""
    parts = {
        "missing": reads or does & {"update", "delete"},
        "batch": "export" in does,
        "rows": reads or "list" in does,
        "one": reads,
        "pages": "list" in does,
        "filters": does & {"list", "export"},
    }
    return [name for name, wanted in parts.items() if wanted]


def service(resources: Resources, resource: Resource) -> Terms:
    """List what a service is made of; what is shown with its references is read back once it is made."""
    does = set(resource.operations)
    loads = [each["load"] for each in summaries(resources, resource)]
    reads = "read" in does or bool(loads and does & {"create", "update"})
    kept = [f".where({resource.class_name}.deleted_at.is_(None))"] * resource.soft_delete
    owning = of_service(resources, resource)
    source = resource.class_name if loads else f"{resource.class_name}.__table__"
    return {
        "parts": functions(does, reads=reads),
        "constants": constants(does, reads=reads),
        "row": resource.class_name if loads else "Record",
        "fetch": "objects" if loads else "records",
        "rows": "".join([f"select({source})", *[f".options({', '.join(loads)})"] * bool(loads), *kept]),
        "kept": "".join(kept),
        "exported": ", ".join(
            [*(each[len(".where(") : -1] for each in kept), *owning["asked"], "*conditions(wanted, FILTERS)"]
        ),
        "gone": f" or {resource.name}.deleted_at" * resource.soft_delete,
        "made": f"await read(session{owning['owner']}, {resource.name}.id)" if loads else resource.name,
        "created": taken("new", resource, owning, f"{resource.name} = {resource.class_name}({owning['given']}**", ")"),
        "changed": taken("changes", resource, owning, "for field, value in ", ".items():"),
        "unless": ", unless it clashes with another" * bool(resource.uniques),
        "keeping": "; its row stays, marked as deleted" * resource.soft_delete,
        "remove": f"{resource.name}.deleted_at = now()"
        if resource.soft_delete
        else f"await remove(session, {resource.name})",
        "owning": owning,
    }


def taken(source: str, resource: Resource, owning: Terms, begin: str, end: str) -> list[str]:
    """Take over what was sent; what it refers to is held first."""
    if not resource.references:
        return [f"{begin}{source}.model_dump(){end}"]
    held = f"await refer(session, {resource.class_name}, values{owning['reached']})"
    return [f"values = {source}.model_dump()", held, f"{begin}values{end}"]


HANDLERS = ("list", "create", "export", "read", "update", "delete")  # so that no path hides another


def router(resource: Resource, schema: Terms, owning: Terms) -> Terms:
    """Say what each handler answers with, which errors it may tell, and who may call it."""
    clash = ["Conflict"] * bool(resource.uniques)
    made = f"await {resource.plural}.create(session{owning['caller_id']}, new{owning['reached']})"
    leads = "read" in resource.operations
    return {
        "handlers": [name for name in HANDLERS if name in resource.operations],
        "creates": ", responses=described(Conflict)" * bool(clash),
        "links": ", links: Links" * leads,
        "made": f"links.made({made})" if leads else made,
        "exported": schema["reads"][0]["name"] if schema["reads"] else "",
        "updates": ", ".join(["NotFound", *clash]),
        "deletes": ", ".join(["NotFound", *["Conflict"] * (not resource.soft_delete)]),
        "owning": owning,
    }


def terms(resources: Resources, *, guards: bool = False) -> tuple[list[Terms], list[Terms]]:
    """Describe every resource, in its owner's order, and every table, in the order of its making."""
    placed, late = ordered(resources)
    schemas = {each.name: schema(resources, each) for each in resources}
    described = [
        {
            "name": each.name,
            "plural": each.plural,
            "class": each.class_name,
            "words": spaced(each.name),
            "phrase": each.phrase,
            "all": spaced(each.plural),
            "path": each.path,
            "description": each.description,
            "operations": list(each.operations),
            "model": model(resources, each, late),
            "schema": schemas[each.name],
            "service": service(resources, each),
            "router": router(each, schemas[each.name], of_router(resources, each, guards=guards)),
            "factory": factory(resources, each),
            "tests": tests(resources, each, loads=bool(schemas[each.name]["summaries"])),
            "filters": [f'"{one["name"]}": {one["test"]}' for lists in schemas[each.name]["filters"] for one in lists],
        }
        for each in resources
    ]
    return described, [table(resources, each, late) for each in placed]


def requests(resources: Resources) -> list[Terms]:
    """Choose a request for the README to begin with: to make something that refers to nothing."""
    for each in resources:
        needed = [field for field in each.references if not field.optional]
        if {"create", "list", "read"} <= set(each.operations) and not needed:
            unique = [field.name for field in each.fields if field.unique and not field.optional]
            return [
                {
                    "body": example(each),
                    "path": each.path,
                    "phrase": each.phrase,
                    "unique": unique[:1],
                }
            ]
    return []


class Layers(Extension):
    """Lets Copier load this module, which its neighbours import."""
