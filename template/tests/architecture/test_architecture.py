"""The architecture: what may use what, and what a route looks like."""

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

ROOT = Path(__file__).parent.parent
PYTHON = sorted((ROOT / "app").rglob("*.py"))

# What opens, or gets ready to open, connections.
OPENERS = {"AsyncClient", "async_sessionmaker", "create_async_engine", "from_url"}

# What lets work go on after its answer.
STARTERS = {"add_task", "create_task", "ensure_future", "run_coroutine_threadsafe"}


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Find every route of the API."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def called(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Name what is called, without what it is called of."""
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                yield name
            case _:
                pass


def calling(names: set[str], folder: str = ".") -> list[str]:
    """List the modules that call one of these."""
    return [
        str(path.relative_to(ROOT))
        for path in PYTHON
        if path.is_relative_to(ROOT / "app" / folder)
        if names & set(called(ast.walk(parsed(path))))
    ]


def at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Find what runs as soon as a module is imported."""
    for below in ast.iter_child_nodes(node):
        if not isinstance(below, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield below
            yield from at_once(below)


def test_imports_run_one_way() -> None:
    # In a process of its own: on Python 3.11, threads that end under coverage's tracer may hang it.
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout.decode()


def test_every_route_stands_on_a_router(app: FastAPI) -> None:
    alone = [route.name for route in app.router.routes if isinstance(route, APIRoute)]
    assert not alone, "Give them an `APIRouter`, in a module of `app.routers`."


def test_every_route_is_async_and_says_what_it_returns(app: FastAPI) -> None:
    found = list(routes(app))
    assert {"live", "ready"} <= {route.name for route in found}
    for route in found:
        kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        assert any(is_kind(route.endpoint) for is_kind in kinds), f"{route.name}: make it async."
        said = inspect.signature(route.endpoint).return_annotation
        is_said = said is None or inspect.isasyncgenfunction(route.endpoint)
        is_response = inspect.isclass(said) and issubclass(said, Response)
        assert is_said or is_response or route.response_model, f"{route.name}: say what it returns."


def test_every_handler_of_the_api_is_one_statement() -> None:
    for path in sorted((ROOT / "app" / "routers").glob("*.py")):
        for node in parsed(path).body:
            if isinstance(node, ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert len(body) == 1, f"{path.name}: {node.name} belongs in a service."


@pytest.mark.parametrize("layer", ["routers", "services"])
def test_nothing_goes_on_after_its_answer(layer: str) -> None:
    assert not calling(STARTERS, layer), "Wait for it, or have a job do it."


def test_nobody_commits_but_the_session() -> None:
    assert not calling({"commit"}), "Flush: `Session` commits once the handler returns."


def test_only_errors_speaks_of_http_exceptions() -> None:
    for path in PYTHON:
        if path.name != "errors.py":
            told = path.read_text(encoding="utf-8")
            assert "HTTPException" not in told, f"{path}: raise an error of `app/errors.py`."


def test_an_import_opens_nothing() -> None:
    for path in PYTHON:
        opened = OPENERS & set(called(at_once(parsed(path))))
        assert not opened, f"{path}: open it in a lifespan, and keep it in `app.state`."


def test_sql_is_written_as_expressions() -> None:
    assert not calling({"text"}), "Write it by `select`, `insert`, `update`, `func`, …"


def test_relationships_load_nothing_unasked() -> None:
    for mapper in Base.registry.mappers:
        for relationship in mapper.relationships:
            advice = 'write `lazy="raise"`, and name in the query what it loads.'
            assert relationship.lazy == "raise", f"{relationship}: {advice}"


def test_columns_are_mapped_by_their_types() -> None:
    assert not calling({"Column"}, "models"), "Write `Mapped[…] = mapped_column(…)`."


def test_schemas_are_configured_by_model_config() -> None:
    for path in PYTHON:
        names = {node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)}
        assert "Config" not in names, f"{path}: write `model_config = ConfigDict(…)`."
