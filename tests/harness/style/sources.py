"""Read the names, tests and docstrings of Python modules in this repository and in rendered services."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tests.harness.combinations.domains import EXAMPLES
from tests.harness.workspace import ROOT, TEMPLATE, work_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

FEATURES = ["cache", "email", "files", "observability", "ratelimit", "websockets"]
# Services that contain every module of the template: with each database, kind of accounts and queue, and without them.
FULLEST: tuple[Answers, ...] = (
    {"auth": "local", "tasks": "taskiq", "database": "postgresql", "features": FEATURES, **EXAMPLES["booking"]},
    {"auth": "oidc", "tasks": "celery", "database": "sqlite", "features": FEATURES, **EXAMPLES["tracker"]},
    {"auth": "none", "tasks": "taskiq", "database": "postgresql", "features": FEATURES},
    {"auth": "local", "tasks": "none", "database": "sqlite", "features": []},
)
OF_REPOSITORY = ("extensions/", "slipway/", "tests/")
OF_TEMPLATE = ("template/app/", "template/tests/", "template/development/")
OF_SERVICE = ("app/", "tests/", "development/")


@dataclass(frozen=True)
class Name:
    """A test's name or a docstring's first line, with its line number."""

    line: int
    text: str


def is_plain_module(path: str) -> bool:
    """Return whether a path is a template module whose path has no Jinja."""
    return path.startswith(OF_TEMPLATE) and path.endswith(".py") and "{" not in path


def repository_modules() -> list[tuple[str, str]]:
    """Return the path and text of each module of the repository and of each plain module of the template."""
    paths = [path.as_posix() for path in work_tree()]
    own = [path for path in paths if path.startswith(OF_REPOSITORY) and path.endswith(".py")]
    return [(path, (ROOT / path).read_text(encoding="utf-8")) for path in paths if path in own or is_plain_module(path)]


def rendered_modules(services: Iterable[Service]) -> list[tuple[str, str]]:
    """Return the path and text of each distinct module that is rendered from a Jinja file."""
    modules = {
        (f"{source if (ROOT / source).exists() else f'template/{path}'} (rendered)", file.text)
        for service in services
        for path, file in service.files.items()
        for source in [f"template/{path}.jinja"]
        if path.startswith(OF_SERVICE) and path.endswith(".py") and not (TEMPLATE / path).exists()
    }
    return sorted(modules)


def module_names(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the path and the name of each module and package, without the prefix `test_`."""
    modules = {PurePosixPath(path.removesuffix(".jinja")) for path in paths if "{" not in path}
    packages = {parent for module in modules for parent in module.parents if parent.name}
    for path in sorted(modules | packages):
        yield str(path), path.name.removesuffix(".py").removeprefix("test_")


def sizes(paths: Iterable[str]) -> dict[str, int]:
    """Count the modules directly in each directory, except for `__init__.py`."""
    modules = [PurePosixPath(path) for path in paths if path.endswith(".py") and not path.endswith("/__init__.py")]
    return Counter(str(module.parent) for module in modules)


def find_tests(text: str) -> list[Name]:
    """Return the test functions of a module."""
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [Name(each.lineno, each.name) for each in functions if each.name.startswith("test")]


def summaries(text: str) -> list[Name]:
    """Return the first line of each docstring of a module."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        Name(node.body[0].lineno, docstring.splitlines()[0])
        for node in ast.walk(ast.parse(text))
        if isinstance(node, documented) and (docstring := ast.get_docstring(node))
    ]
