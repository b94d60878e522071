"""Every rule has teeth: what breaks it is seen by the check that it names, in words that say what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extensions.rules import RULES
from tests.harness.checks.runner import CACHE, environment
from tests.harness.rules.linter_mutants import MUTATIONS, Mutation
from tests.harness.rules.page import page, proofs
from tests.harness.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

COMMANDS = {
    "ruff": ("ruff", "check", "--no-cache", "--output-format", "concise", "app"),
    "mypy": ("mypy", f"--cache-dir={CACHE / 'rules'}"),
    "lint-imports": ("lint-imports", "--no-cache"),
}


@pytest.fixture(scope="module")
def edited(serve: Callable[[Answers], Service], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain service that tests may edit."""
    directory = tmp_path_factory.mktemp("rules") / "service"
    shutil.copytree(serve({}).directory, directory)
    return directory


def lint(edited: Path, tool: str) -> subprocess.CompletedProcess[str]:
    command, *arguments = COMMANDS[tool]
    place = Path(sys.executable).with_name(command)
    return subprocess.run(
        [place, *arguments], cwd=edited, env=environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("tool", COMMANDS)
def test_an_unbroken_service_passes(tool: str, edited: Path) -> None:
    assert lint(edited, tool).returncode == 0


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_linter_sees(mutation: Mutation, edited: Path) -> None:
    file = edited / mutation.path
    before = file.read_bytes()
    try:
        mutation.apply(edited)
        seen = lint(edited, mutation.tool)
    finally:
        file.write_bytes(before)
    assert seen.returncode == 1
    assert mutation.is_told(seen.stdout), seen.stdout


def test_every_rule_is_broken_somewhere() -> None:
    assert not [rule.says for rule in RULES if not proofs(rule)]


def test_whatever_is_broken_is_a_rule() -> None:
    assert {mutation.check for mutation in MUTATIONS} <= {rule.check for rule in RULES}


def test_the_page_tells_of_every_rule() -> None:
    written = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert written == page(), "Run `uv run python -m tests.harness.rules.page > docs/rules.md`."


def test_what_guides_tell_is_held_by_checks_that_are_there(serve: Callable[[Answers], Service]) -> None:
    told = (ROOT / "docs" / "guides.md").read_text(encoding="utf-8")
    everything = {
        name: serve({"auth": "local", "tasks": "taskiq", "features": ["files"], "database": name})
        for name in ("postgresql", "sqlite")
    }
    for module, test in re.findall(r"`(test_\w+\.py)::(test_\w+)`", told):
        files = [service.files.get(f"tests/{module}") for service in everything.values()]
        assert any(f"def {test}(".encode() in file.content for file in files if file), f"{module}::{test}"
    assert set(re.findall(r"`((?:ruff|mypy|lint-imports:) [^`]+)`", told)) <= {rule.check for rule in RULES}
