"""Every change of a field, on both databases: rows survive its revision, or it fails and says what to do."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.checks.runner import environment
from tests.harness.combinations.services import write
from tests.harness.updates.field_changes import OPTIONS, TYPES, groups, pairs, program_input
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

PROGRAM = ROOT / "tests/harness/updates/revision_program.py"
DATABASES = ("postgresql", "sqlite")
KINDS = {
    "text": ("str", "text", "email", "url", "enum"),
    "number": ("int", "bigint", "float", "decimal"),
    "uuid": ("uuid", "ref"),
}
KIND = {name: kind for kind, names in KINDS.items() for name in names}
CONVERTIBLE = [{"number", "bool"}, {"date", "datetime"}]
CHANGES = {each.name: each for each in [*pairs(), *OPTIONS]}
# Rules of squawk that a changed type and a required column violate; the service's page says what to do.
REVIEWED = {"changing-column-type", "adding-not-nullable-field"}
LINTERS = (
    ("ruff", "check", "migrations"),
    ("ruff", "format", "--check", "migrations"),
    ("mypy",),
)

Outcomes = dict[str, dict[str, Any]]


def is_meaningless(name: str) -> bool:
    """Return whether a pair of types has no conversion: neither is text, and their kinds differ."""
    before, _, after = name.partition("_to_")
    if not {before, after} <= {*TYPES}:
        return False
    kinds = {KIND.get(before, before), KIND.get(after, after)}
    return len(kinds) > 1 and "text" not in kinds and kinds not in CONVERTIBLE


@pytest.fixture(scope="module", params=DATABASES)
def revised(
    request: pytest.FixtureRequest, serve: Callable[[Answers], Service], workspace: Path
) -> tuple[Path, Outcomes]:
    """Make every change in a service without resources; return its directory and the outcomes."""
    service = serve({"database": request.param, "resources": []})
    directory = workspace / "field-changes" / request.param
    write(service.files, directory)
    completed = subprocess.run(
        [sys.executable, "-P", PROGRAM, directory / "revised"],
        input=json.dumps([program_input(group) for group in [*groups(pairs()), *groups(OPTIONS)]]),
        cwd=directory,
        env=environment() | {"ENVIRONMENT": "development"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return directory, json.loads(completed.stdout.splitlines()[-1])


def test_every_field_change_preserves_rows_or_fails_with_fix(
    revised: tuple[Path, Outcomes], note: Callable[[str], None]
) -> None:
    _, outcomes = revised
    faults = {}
    for name, outcome in outcomes.items():
        says = CHANGES[name].says
        unclear = [error for error in outcome["unfit"] if "first" not in error or says not in error]
        if unclear or {"failed", "differs", "unfixed"} & outcome.keys() or (says and not outcome["unfit"]):
            faults[name] = unclear or outcome
    assert outcomes.keys() == CHANGES.keys()
    assert faults == {}
    checked = sum(bool(outcome["unfit"]) for outcome in outcomes.values())
    rejected = sum(bool(outcome["refused"]) for outcome in outcomes.values())
    preserved = len(outcomes) - checked - rejected
    note(f"{len(outcomes)} changes: {preserved} keep all rows, {checked} check rows first, {rejected} are rejected")


def test_conversion_without_meaning_is_rejected_when_revision_is_written(revised: tuple[Path, Outcomes]) -> None:
    _, outcomes = revised
    rejected = {name: outcome["refused"] for name, outcome in outcomes.items() if outcome["refused"]}
    assert rejected.keys() == {name for name in CHANGES if is_meaningless(name)}
    assert all("do not convert to" in error for error in rejected.values())
    assert all("remove the field by one revision, and add it by the next" in error for error in rejected.values())


def test_written_revisions_pass_linters_of_service(revised: tuple[Path, Outcomes]) -> None:
    directory, _ = revised
    for path in sorted((directory / "revised").rglob("*.py")):
        shutil.copyfile(path, directory / "migrations" / "versions" / path.name)
    for linter in LINTERS:
        run = subprocess.run(
            [sys.executable, "-m", *linter],
            cwd=directory,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def constants(module: Path) -> dict[str, Any]:
    """Return the lists and patterns that a module assigns."""
    values: dict[str, Any] = {}
    for each in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            value = each.value.args[0] if isinstance(each.value, ast.Call) else each.value
            values[each.targets[0].id] = ast.literal_eval(value)
    return values


def test_written_revisions_violate_only_reviewed_lock_rules(revised: tuple[Path, Outcomes]) -> None:
    directory, _ = revised
    module = directory / "tests" / "database" / "test_postgresql.py"
    if not module.exists():
        pytest.skip("squawk reads PostgreSQL's SQL")
    tests = constants(module)
    rules = set()
    for path in (directory / "revised").rglob("head.sql"):
        run = subprocess.run(
            ["squawk", "--reporter", "gcc", "--exclude", ",".join(tests["IGNORED_RULES"])],
            input=re.sub(tests["LENGTHENED"], "", path.read_text(encoding="utf-8"), flags=re.MULTILINE),
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        rules |= set(re.findall(r": warning: ([a-z-]+) ", run.stdout))
    assert rules == REVIEWED
