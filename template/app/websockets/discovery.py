"""Which rooms there are: one for each resource that a route shows."""

from collections import defaultdict
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from app.routers import PREFIX
from app.websockets.broadcasting import Rooms


def rooms(app: FastAPI) -> Rooms:
    """Find the rooms, and the routes that show what is told there."""
    found: dict[str, list[Dependant]] = defaultdict(list)
    for name, dependant in _shown(app):
        found[name].append(dependant)
    return found


def _shown(app: FastAPI) -> Iterator[tuple[str, Dependant]]:
    for context in iter_route_contexts(app.routes):
        name, *rest = (context.path or "").removeprefix(PREFIX).strip("/").split("/")
        is_shown = isinstance(context.original_route, APIRoute) and "GET" in (context.methods or ())
        if name and is_shown and (not rest or (len(rest) == 1 and rest[0].startswith("{"))):
            yield name, context.dependant
