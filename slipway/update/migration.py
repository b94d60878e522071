"""Generate a database migration for changed models by running the service's `app revision`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from slipway.update.checks import run_command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slipway.trees import Tree
    from slipway.update.report import Report

MODELS, VERSIONS = "app/models/", "migrations/versions"


def is_needed(before: Tree, after: Tree) -> bool:
    """Return whether an update changes models of a service that has migrations."""
    paths = {path for path in before.keys() | after.keys() if path.startswith(MODELS)}
    changed = any(getattr(before.get(path), "blob", "") != getattr(after.get(path), "blob", "") for path in paths)
    return changed and any(path.startswith(VERSIONS) for path in after)


def message(report: Report) -> str:
    """Return the default message of the generated migration."""
    if report.before == report.after:
        return "change resources"
    return f"update the template to {report.after}"


def write(directory: Path, text: str, env: Mapping[str, str] | None = None) -> tuple[str | None, str]:
    """Generate a migration, and return its path or the output of the failed command.

    An empty migration is removed: the models changed, but not the tables.
    """
    versions = directory / VERSIONS
    before = {path.name for path in versions.glob("*.py")}
    code, output = run_command(directory, f'uv run app revision "{text}"', env)
    added = [path for path in versions.glob("*.py") if path.name not in before]
    if code or len(added) != 1:
        return None, output or f"exit code {code}"
    if is_empty(added[0].read_text("utf-8")):
        added[0].unlink()
        return None, ""
    return added[0].relative_to(directory).as_posix(), ""


def is_empty(source: str) -> bool:
    """Return whether the migration's `upgrade` function changes nothing."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    bodies = [function.body for function in functions if function.name == "upgrade"]
    return all(isinstance(node, ast.Pass | ast.Expr) and not has_call(node) for body in bodies for node in body)


def has_call(node: ast.AST) -> bool:
    """Return whether a Python statement contains a function call."""
    return any(isinstance(inner, ast.Call) for inner in ast.walk(node))
