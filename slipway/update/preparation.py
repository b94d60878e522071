"""Complete an update in its work tree: run `uv lock`, generate the migration, and run the checks."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from slipway.console import echo
from slipway.errors import CommandError
from slipway.update import migration, worktree
from slipway.update.checks import QUICK, STATIC, TESTS, failure_output, resource_tests, run_checks

if TYPE_CHECKING:
    from slipway.service.checkout import Service
    from slipway.trees import Tree
    from slipway.update.report import Report
    from slipway.update.request import Request

SPACE = 200  # mebibytes, for the work tree and its virtual environment
LOCK, PROJECT = "uv.lock", "pyproject.toml"


def require_space(service: Service, request: Request) -> None:
    """Raise `CommandError` if the disk has too little free space for the checks."""
    free = shutil.disk_usage(service.directory).free >> 20
    if request.checks and free < SPACE:
        raise CommandError(
            f"No space left on device: {free} MiB are free in {service.directory}, and the checks need {SPACE}."
        )


def prepare(service: Service, report: Report, request: Request, ours: Tree, tree: Tree) -> list[str]:
    """Run `uv lock`, generate the migration and run the checks; return the reasons to reject the update."""
    directory = worktree.tree_of(service) / service.prefix
    if LOCK in ours and ours.get(PROJECT) != tree.get(PROJECT):
        echo("", f"Updating {LOCK}: uv lock …")
        if output := failure_output(directory, "uv lock"):
            echo(output)
            return [f"{LOCK} cannot be updated: `uv lock` fails, and the end of its output is above"]
    env = environment(service, ours, tree) if request.quick else None
    has_migration = not migration.is_needed(ours, tree)
    if request.migration and not has_migration:
        text = request.message or migration.message(report)
        echo("", f'Writing the migration: uv run app revision "{text}" …')
        report.migration, output = migration.write(directory, text, env)
        if report.migration:
            echo(f"  {report.migration}: review it")
        if output:
            echo(output)
            return ["the migration cannot be written; the end of the output is above"]
        has_migration = True
    worktree.collect(service)
    if request.checks:
        echo("", "Checks")
        report.failed = run_checks(directory, commands(request, ours, tree, has_migration=has_migration), env)
        worktree.clean(service)
    if env:  # the shared environment has the work tree's package installed: install the service's again
        failure_output(service.directory, "uv sync --inexact")
    return [f"`{report.failed}` fails; the end of its output is above"] if report.failed else []


def commands(request: Request, ours: Tree, tree: Tree, *, has_migration: bool) -> tuple[str, ...]:
    """Return the commands of static checks and tests, or fewer of them with `--quick`.

    If generating the migration failed, tests are omitted, because they need its tables.
    """
    if not request.quick:
        return STATIC + (TESTS if has_migration else ())
    changed = [path for path in tree if tree[path] != ours.get(path)]
    return QUICK + (resource_tests(changed, tree, has_migration=has_migration) if has_migration else ())


def environment(service: Service, ours: Tree, tree: Tree) -> dict[str, str] | None:
    """Return variables that make checks reuse the service's virtual environment; None if requirements changed."""
    has_environment = (service.directory / ".venv").is_dir() and (service.directory / LOCK).is_file()
    if not has_environment or any(ours.get(path) != tree.get(path) for path in (PROJECT, LOCK)):
        return None
    if LOCK not in ours:
        shutil.copy(service.directory / LOCK, worktree.tree_of(service) / service.prefix)
    cache = service.directory / ".mypy_cache"
    return {"UV_PROJECT_ENVIRONMENT": str(service.directory / ".venv"), "MYPY_CACHE_DIR": str(cache)}
