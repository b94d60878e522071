"""List of the routes with their authorization and service functions."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts

from app.state import AUTHORIZATION

HEADINGS = ("METHOD", "PATH", "AUTHORIZATION", "FUNCTION")
SERVICES = "app.services."


def show(app: FastAPI) -> int:
    """Print a table of the routes, sorted by path."""
    table: list[tuple[str, ...]] = [HEADINGS, *sorted(rows(app), key=lambda row: row[1])]
    if AUTHORIZATION.find(app) is None:
        table = [row[:2] + row[3:] for row in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    return 0


def rows(app: FastAPI) -> Iterator[tuple[str, str, str, str]]:
    """Yield method, path, authorization and function of each route and WebSocket."""
    describe = AUTHORIZATION.find(app) or (lambda _: "")
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, APIRoute | APIWebSocketRoute):
            methods = "|".join(sorted(context.methods or ())) or "WEBSOCKET"
            authorization = describe(dependency_calls(context.dependant))
            yield methods, str(context.path), authorization, function_name(route.endpoint)


def dependency_calls(dependant: Dependant) -> Iterator[object]:
    """Yield the functions that a route depends on, recursively."""
    yield dependant.call
    for nested in dependant.dependencies:
        yield from dependency_calls(nested)


def function_name(endpoint: Callable[..., Any]) -> str:
    """Return the service function that an endpoint calls, or the endpoint if it calls none."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(endpoint)))
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=alias), attr=name)):
                module = endpoint.__globals__.get(alias)
                if isinstance(module, ModuleType) and module.__name__.startswith(SERVICES):
                    return f"{module.__name__}.{name}"
            case _:
                pass
    return f"{endpoint.__module__}.{endpoint.__name__}"
