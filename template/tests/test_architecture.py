"""The architecture: what may use what, and what a route looks like."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

ROOT = Path(__file__).parent.parent
PYTHON = sorted((ROOT / "app").rglob("*.py"))


def routes(app: FastAPI) -> Iterator[APIRoute]:
    """Find every route of the API."""
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def calls(path: Path) -> Iterator[str]:
    """Name every method that a module calls."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def test_imports_run_one_way() -> None:
    # In a process of its own: on Python 3.11, threads that end under coverage's tracer may hang it.
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, check=False)
    assert run.returncode == 0, run.stdout.decode()


def test_every_route_is_async_and_says_what_it_returns(app: FastAPI) -> None:
    found = list(routes(app))
    assert {"live", "ready"} <= {route.name for route in found}
    for route in found:
        kinds = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
        assert any(is_kind(route.endpoint) for is_kind in kinds), route.name
        assert "return" in route.endpoint.__annotations__, route.name


def test_every_handler_of_the_api_is_one_statement() -> None:
    for path in sorted((ROOT / "app" / "routers").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert len(body) == 1, f"{path.name}: {node.name} belongs in a service."


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_commits_but_the_session(path: Path) -> None:
    assert "commit" not in set(calls(path))


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_errors_speaks_of_http_exceptions(path: Path) -> None:
    if path.name != "errors.py":
        assert "HTTPException" not in path.read_text(encoding="utf-8")
