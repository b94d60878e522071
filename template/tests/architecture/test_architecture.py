"""Tests of the architecture: layers of imports, forms of routes, forbidden calls."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.responses import Response

from app.models import Base

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "app").rglob("*.py"))

# Functions that open connections, or prepare to.
CONNECTORS = {"AsyncClient", "async_sessionmaker", "create_async_engine", "from_url"}

# Functions that start work which outlives the response.
SPAWNERS = {"add_task", "create_task", "ensure_future", "run_coroutine_threadsafe"}


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Yield the routes of the API."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def called(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names of the functions and methods that the syntax nodes call."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                yield name
            case _:
                pass


def calling(names: set[str], folder: str = ".") -> list[str]:
    """Return the modules that call a function with one of the names."""
    return [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.is_relative_to(ROOT / "app" / folder)
        if names & set(called(ast.walk(parsed(path))))
    ]


def import_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the syntax nodes that run when the module is imported."""
    for below in ast.iter_child_nodes(node):
        if not isinstance(below, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield below
            yield from import_time(below)


def test_imports_respect_layers() -> None:
    # Separate process: on Python 3.11, threads that end under coverage's tracer may hang.
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout.decode()


def test_routes_are_defined_on_routers(app: FastAPI) -> None:
    unrouted = [route.name for route in app.router.routes if isinstance(route, APIRoute)]
    assert not unrouted, "Move them to an `APIRouter` in a module of `app.routers`."


def test_route_functions_are_async_with_return_types(app: FastAPI) -> None:
    checked = list(routes(app))
    assert {"live", "ready"} <= {route.name for route in checked}
    for route in checked:
        kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        assert any(is_kind(route.endpoint) for is_kind in kinds), f"{route.name}: make it async."
        returned = inspect.signature(route.endpoint).return_annotation
        is_typed = returned is None or inspect.isasyncgenfunction(route.endpoint)
        is_response = inspect.isclass(returned) and issubclass(returned, Response)
        message = f"{route.name}: annotate the return type."
        assert is_typed or is_response or route.response_model, message


def test_route_function_bodies_are_one_statement() -> None:
    for path in sorted((ROOT / "app" / "routers").glob("*.py")):
        for node in parsed(path).body:
            if isinstance(node, ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert len(body) == 1, f"{path.name}: move the code of {node.name} to a service."


@pytest.mark.parametrize("layer", ["routers", "services"])
def test_request_code_starts_no_background_tasks(layer: str) -> None:
    assert not calling(SPAWNERS, layer), "Await it, or enqueue a job."


def test_no_module_calls_commit() -> None:
    assert not calling({"commit"}), "Flush: `Session` commits when the handler returns."


def test_only_errors_module_uses_http_exception() -> None:
    for path in MODULES:
        if path.name != "errors.py":
            source = path.read_text(encoding="utf-8")
            assert "HTTPException" not in source, f"{path}: raise an error of `app/errors.py`."


def test_importing_app_opens_no_connections() -> None:
    for path in MODULES:
        connectors = CONNECTORS & set(called(import_time(parsed(path))))
        assert not connectors, f"{path}: open it in a lifespan, and store it in `app.state`."


def test_no_module_writes_raw_sql() -> None:
    assert not calling({"text"}), "Write it with `select`, `insert`, `update`, `func`, …"


def test_relationships_are_not_lazy_loaded() -> None:
    for mapper in Base.registry.mappers:
        for relationship in mapper.relationships:
            advice = 'write `lazy="raise"`, and load it in the query (`joinedload`).'
            assert relationship.lazy == "raise", f"{relationship}: {advice}"


def test_models_declare_columns_by_mapped_column() -> None:
    for path in (ROOT / "app" / "models").rglob("*.py"):
        nodes = list(ast.walk(parsed(path)))
        tables = [node for node in nodes if "Table" in called([node])]
        in_tables = [name for table in tables for name in called(ast.walk(table))]
        is_allowed = list(called(nodes)).count("Column") == in_tables.count("Column")
        assert is_allowed, f"{path}: write `Mapped[…] = mapped_column(…)`."


def test_no_schema_has_config_class() -> None:
    for path in MODULES:
        names = {node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)}
        assert "Config" not in names, f"{path}: write `model_config = ConfigDict(…)`."
