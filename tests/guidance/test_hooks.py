"""The hook that runs on an agent's edits warns, formats, lints and tests, and never blocks an edit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.findings import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

HOOK = ".claude/hooks/after_edit.py"
UNTIDY = 'def answer( ) -> str:\n    return "yes"\n'
FAILING = "def test_it() -> None:\n    assert 1 == 2\n"
PRELOADED = """import gc
import os
import sys


def test_it(database_server: str) -> None:
    assert os.environ["TEST_DATABASE_URL"] == database_server
    assert gc.isenabled()
    assert gc.get_freeze_count()
    assert "_hypothesis_pytestplugin" not in sys.modules
"""
IMPORT_ERROR = "raise RuntimeError('no server')\n"


@pytest.fixture(scope="module")
def original(serve: Callable[[Answers], Service]) -> Path:
    return serve({"database": "sqlite", "deploy": ["kubernetes"]}).directory


@pytest.fixture
def edited(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "service")


@pytest.mark.parametrize("check", ["ruff check .claude", "ruff format --check .claude", "deptry ."])
def test_hook_scripts_pass_service_linters(original: Path, check: str) -> None:
    tool, *arguments = check.split()
    completed = subprocess.run([TOOLS / tool, *arguments], cwd=original, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def run(edited: Path, stdin: str) -> str:
    """Run the hook as Claude Code does, with the harness's Python; return its output."""
    completed = subprocess.run(
        [TOOLS / "python", HOOK], cwd=edited, input=stdin, capture_output=True, text=True, check=False
    )
    assert (completed.returncode, completed.stderr) == (0, "")
    return completed.stdout


def after(event: str, edited: Path, path: str) -> dict[str, Any]:
    """Return the hook's JSON output for an edit; empty if it prints nothing."""
    output = run(edited, json.dumps({"hook_event_name": event, "tool_input": {"file_path": str(edited / path)}}))
    return dict(json.loads(output)) if output else {}


def context(output: dict[str, Any], event: str) -> str:
    assert output["hookSpecificOutput"]["hookEventName"] == event
    text = str(output["hookSpecificOutput"]["additionalContext"])
    assert output["systemMessage"] == text.splitlines()[0]
    return text


@pytest.mark.parametrize(
    ("path", "seam"),
    [
        ("app/main.py", "install(app)"),
        ("app/models/base.py", "are discovered"),
        ("pyproject.toml", "below the marker lines"),
        (".env.example", "at its end"),
        (".claude/settings.json", "settings.local.json"),
        ("deploy/kubernetes/overlays/staging/settings.env", "at its end"),
        ("deploy/kubernetes/components/sqlite/volume.yaml", "a file of your own"),
        (".copier-answers.yml", "slipway.py update"),
    ],
)
def test_edit_of_template_file_warns_and_names_alternative(edited: Path, path: str, seam: str) -> None:
    text = context(after("PreToolUse", edited, path), "PreToolUse")
    assert text.startswith(f"{path} belongs to the template:")
    assert seam in text


@pytest.mark.parametrize(
    "path", ["app/services/product.py", "tests/test_product.py", "app/services/own.py", "../other.py"]
)
def test_edit_of_own_file_has_no_warning(edited: Path, path: str) -> None:
    assert after("PreToolUse", edited, path) == {}


def test_hook_formats_lints_and_tests_edited_module(edited: Path) -> None:
    (edited / "app" / "own.py").write_text(f'"""Ours."""\n\nimport os\n\n\n{UNTIDY}', encoding="utf-8")
    (edited / "tests" / "test_own.py").write_text(FAILING, encoding="utf-8")
    text = context(after("PostToolUse", edited, "app/own.py"), "PostToolUse")
    assert text.startswith("app/own.py: reformatted, lint not clean, tests/test_own.py: 1 failed in ")
    assert "F401" in text
    assert "assert 1 == 2" in text
    formatted = (edited / "app" / "own.py").read_text(encoding="utf-8")
    assert "def answer() -> str:" in formatted
    assert "import os" in formatted  # the next edit may use it


def test_hook_reports_clean_edit_in_one_line(edited: Path) -> None:
    text = context(after("PostToolUse", edited, "app/pagination.py"), "PostToolUse")
    assert text.startswith("app/pagination.py: unchanged, lint clean, tests/api/test_pagination.py: ")
    assert " passed" in text
    assert len(text.splitlines()) == 1


def test_hook_starts_server_and_freezes_gc_before_tests(edited: Path) -> None:
    (edited / "tests" / "test_own.py").write_text(PRELOADED, encoding="utf-8")
    text = context(after("PostToolUse", edited, "tests/test_own.py"), "PostToolUse")
    assert "tests/test_own.py: 1 passed" in text, text


@pytest.mark.parametrize("path", ["app/links.py", "development/databases.py"])
def test_import_error_is_reported_without_waiting_for_server(edited: Path, path: str) -> None:
    """The hook waits for neither the server nor the tests."""
    (edited / path).write_text(IMPORT_ERROR, encoding="utf-8")
    text = context(after("PostToolUse", edited, "app/pagination.py"), "PostToolUse")
    assert "no server" in text
    assert "timed out" not in text


@pytest.mark.parametrize("path", ["README.md", "app/missing.py", "../other.py"])
def test_hook_ignores_edit_of_page_or_foreign_file(edited: Path, path: str) -> None:
    assert after("PostToolUse", edited, path) == {}


@pytest.mark.parametrize("stdin", ["", "[]", "{}", '{"hook_event_name": "PreToolUse", "tool_input": {}}'])
def test_invalid_hook_input_is_reported_without_blocking(edited: Path, stdin: str) -> None:
    assert "after_edit.py failed" in json.loads(run(edited, stdin))["systemMessage"]


def test_hook_reports_missing_linter(edited: Path) -> None:
    (edited / "ruff.py").write_text("raise SystemExit('no ruff')\n", encoding="utf-8")
    output = after("PostToolUse", edited, "app/links.py")
    assert "no ruff" in context(output, "PostToolUse")


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse"])
@pytest.mark.parametrize("broken", [HOOK, "", "uv"])
def test_broken_hook_does_not_block_edits(edited: Path, event: str, broken: str) -> None:
    """Exit code 2, which Python returns for a missing script and uv for errors, would block the edit."""
    [matcher] = json.loads((edited / ".claude" / "settings.json").read_text(encoding="utf-8"))["hooks"][event]
    [hook] = matcher["hooks"]
    (edited / broken).unlink() if broken == HOOK else None
    variables = {"CLAUDE_PROJECT_DIR": str(edited if broken else edited / "missing"), "PATH": "/usr/bin:/bin"}
    environment = (
        os.environ | variables
        if broken == "uv"
        else os.environ | {"CLAUDE_PROJECT_DIR": variables["CLAUDE_PROJECT_DIR"]}
    )
    command = ["bash", "-c", hook["command"]]
    completed = subprocess.run(
        command, cwd=edited, env=environment, input="{}", capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0


def test_hook_reports_test_timeout(edited: Path) -> None:
    script = (edited / HOOK).read_text(encoding="utf-8")
    (edited / HOOK).write_text(script.replace("TIMEOUT = 50", "TIMEOUT = 1"), encoding="utf-8")
    (edited / "tests" / "test_own.py").write_text("import time\n\ntime.sleep(60)\n", encoding="utf-8")
    text = context(after("PostToolUse", edited, "tests/test_own.py"), "PostToolUse")
    assert "pytest timed out in the hook: run it manually" in text


def test_hook_timeout_is_shorter_than_claude_code_timeout(edited: Path) -> None:
    hooks = json.loads((edited / ".claude" / "settings.json").read_text(encoding="utf-8"))["hooks"]
    assert hooks["PostToolUse"][0]["hooks"][0]["timeout"] > 50
    assert "TIMEOUT = 50" in (edited / HOOK).read_text(encoding="utf-8")
