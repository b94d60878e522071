"""Each rule's linter or test detects a mutant that violates the rule, with a message that says the fix."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.rules import RULES
from tests.harness.checks.runner import environment
from tests.harness.rules.linter_mutants import LINTER_MUTANTS, LinterMutant
from tests.harness.rules.page import page, proofs
from tests.harness.workspace import CACHE, ROOT

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
    """A copy of the default service that tests may edit."""
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
def test_unmodified_service_passes_linter(tool: str, edited: Path) -> None:
    assert lint(edited, tool).returncode == 0


@pytest.mark.parametrize("mutant", LINTER_MUTANTS, ids=lambda mutant: mutant.name)
def test_linter_reports_mutant_that_violates_rule(mutant: LinterMutant, edited: Path) -> None:
    file = edited / mutant.path
    before = file.read_bytes()
    try:
        mutant.apply(edited)
        result = lint(edited, mutant.tool)
    finally:
        file.write_bytes(before)
    assert result.returncode == 1
    assert mutant.is_reported(result.stdout), result.stdout


def test_every_rule_has_a_mutant() -> None:
    assert not [rule.says for rule in RULES if not proofs(rule)]


def test_every_linter_mutant_violates_a_documented_rule() -> None:
    assert {mutant.check for mutant in LINTER_MUTANTS} <= {rule.check for rule in RULES}


def test_rules_page_is_up_to_date() -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert text == page(), "Run `uv run python -m tests.harness.rules.page > docs/rules.md`."


def test_checks_named_on_guides_page_exist(serve: Callable[[Answers], Service]) -> None:
    text = (ROOT / "docs" / "guides.md").read_text(encoding="utf-8")
    everything = {
        name: serve({"auth": "local", "tasks": "taskiq", "features": ["files"], "database": name})
        for name in ("postgresql", "sqlite")
    }
    for module, test in re.findall(r"`([\w/]*test_\w+\.py)::(test_\w+)`", text):
        files = [service.files.get(f"tests/{module}") for service in everything.values()]
        assert any(f"def {test}(".encode() in file.content for file in files if file), f"{module}::{test}"
    assert set(re.findall(r"`((?:ruff|mypy|lint-imports:) [^`]+)`", text)) <= {rule.check for rule in RULES}
