"""The hook that follows an assistant's edits: it warns, formats, lints and tests, and never holds an edit up."""

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

HOOK = ".claude/hooks/edits.py"
UNTIDY = 'def told( ) -> str:\n    return "yes"\n'
FAILING = "def test_it() -> None:\n    assert 1 == 2\n"
EARLY = """import gc
import os
import sys


def test_it(database_server: str) -> None:
    assert os.environ["TEST_DATABASE_URL"] == database_server
    assert gc.isenabled()
    assert gc.get_freeze_count()
    assert "_hypothesis_pytestplugin" not in sys.modules
"""
STILL = "raise RuntimeError('no server')\n"


@pytest.fixture(scope="module")
def original(serve: Callable[[Answers], Service]) -> Path:
    return serve({"database": "sqlite", "deploy": ["kubernetes"]}).directory


@pytest.fixture
def edited(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "service")


@pytest.mark.parametrize("check", ["ruff check .claude", "ruff format --check .claude", "deptry ."])
def test_the_service_s_own_checks_take_its_scripts_for_well(original: Path, check: str) -> None:
    tool, *arguments = check.split()
    done = subprocess.run([TOOLS / tool, *arguments], cwd=original, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(edited: Path, given: str) -> str:
    """Run the hook as Claude Code does, with the harness's own tools."""
    done = subprocess.run(
        [TOOLS / "python", HOOK], cwd=edited, input=given, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def after(event: str, edited: Path, path: str) -> dict[str, Any]:
    """Tell what the hook says of an edit; nothing where it has nothing to say."""
    said = run(edited, json.dumps({"hook_event_name": event, "tool_input": {"file_path": str(edited / path)}}))
    return dict(json.loads(said)) if said else {}


def words(said: dict[str, Any], event: str) -> str:
    assert said["hookSpecificOutput"]["hookEventName"] == event
    told = str(said["hookSpecificOutput"]["additionalContext"])
    assert said["systemMessage"] == told.splitlines()[0]
    return told


@pytest.mark.parametrize(
    ("path", "seam"),
    [
        ("app/main.py", "install(app)"),
        ("app/models/base.py", "found by themselves"),
        ("pyproject.toml", "below the lines"),
        (".env.example", "at its end"),
        (".claude/settings.json", "settings.local.json"),
        ("deploy/kubernetes/overlays/staging/settings.env", "at its end"),
        ("deploy/kubernetes/components/sqlite/volume.yaml", "a file of its own"),
        (".copier-answers.yml", "template update"),
    ],
)
def test_who_edits_what_the_template_keeps_is_told_the_seam(edited: Path, path: str, seam: str) -> None:
    told = words(after("PreToolUse", edited, path), "PreToolUse")
    assert told.startswith(f"{path} is the template's")
    assert seam in told


@pytest.mark.parametrize(
    "path", ["app/services/product.py", "tests/test_product.py", "app/services/own.py", "../other.py"]
)
def test_the_service_s_own_is_edited_without_a_word(edited: Path, path: str) -> None:
    assert after("PreToolUse", edited, path) == {}


def test_a_module_is_formatted_and_linted_and_its_tests_are_run(edited: Path) -> None:
    (edited / "app" / "own.py").write_text(f'"""Ours."""\n\nimport os\n\n\n{UNTIDY}', encoding="utf-8")
    (edited / "tests" / "test_own.py").write_text(FAILING, encoding="utf-8")
    told = words(after("PostToolUse", edited, "app/own.py"), "PostToolUse")
    assert told.startswith("app/own.py: reformatted, lint not clean, tests/test_own.py: 1 failed in ")
    assert "F401" in told
    assert "assert 1 == 2" in told
    tidied = (edited / "app" / "own.py").read_text(encoding="utf-8")
    assert "def told() -> str:" in tidied
    assert "import os" in tidied  # what the next edit may use


def test_what_is_well_takes_a_line(edited: Path) -> None:
    told = words(after("PostToolUse", edited, "app/pagination.py"), "PostToolUse")
    assert told.startswith("app/pagination.py: as it was, lint clean, tests/test_pagination.py: ")
    assert " passed" in told
    assert len(told.splitlines()) == 1


def test_the_server_is_there_before_the_tests_and_what_is_imported_is_no_garbage(edited: Path) -> None:
    (edited / "tests" / "test_own.py").write_text(EARLY, encoding="utf-8")
    told = words(after("PostToolUse", edited, "tests/test_own.py"), "PostToolUse")
    assert "tests/test_own.py: 1 passed" in told, told


@pytest.mark.parametrize("path", ["app/links.py", "development/databases.py"])
def test_a_service_that_cannot_be_imported_ends_the_loop_at_once(edited: Path, path: str) -> None:
    """Nobody waits for the server then, nor does the server for the tests."""
    (edited / path).write_text(STILL, encoding="utf-8")
    told = words(after("PostToolUse", edited, "app/pagination.py"), "PostToolUse")
    assert "no server" in told
    assert "too long" not in told


@pytest.mark.parametrize("path", ["README.md", "app/gone.py", "../other.py"])
def test_what_is_no_module_is_left_alone(edited: Path, path: str) -> None:
    assert after("PostToolUse", edited, path) == {}


@pytest.mark.parametrize("given", ["", "[]", "{}", '{"hook_event_name": "PreToolUse", "tool_input": {}}'])
def test_a_mistake_of_its_own_is_told_and_stops_nothing(edited: Path, given: str) -> None:
    assert "could not do its work" in json.loads(run(edited, given))["systemMessage"]


def test_a_tool_that_is_not_there_is_told(edited: Path) -> None:
    (edited / "ruff.py").write_text("raise SystemExit('no ruff')\n", encoding="utf-8")
    said = after("PostToolUse", edited, "app/links.py")
    assert "no ruff" in words(said, "PostToolUse")


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse"])
@pytest.mark.parametrize("broken", [HOOK, "", "uv"])
def test_a_hook_that_cannot_run_stops_nothing(edited: Path, event: str, broken: str) -> None:
    """Python ends with 2, which would stop the edit, where its script is not there; and so does uv."""
    [matcher] = json.loads((edited / ".claude" / "settings.json").read_text(encoding="utf-8"))["hooks"][event]
    [hook] = matcher["hooks"]
    (edited / broken).unlink() if broken == HOOK else None
    there = {"CLAUDE_PROJECT_DIR": str(edited if broken else edited / "gone"), "PATH": "/usr/bin:/bin"}
    environment = (
        os.environ | there if broken == "uv" else os.environ | {"CLAUDE_PROJECT_DIR": there["CLAUDE_PROJECT_DIR"]}
    )
    run_by = ["bash", "-c", hook["command"]]
    done = subprocess.run(run_by, cwd=edited, env=environment, input="{}", capture_output=True, text=True, check=False)
    assert done.returncode == 0


def test_what_takes_too_long_is_told(edited: Path) -> None:
    script = (edited / HOOK).read_text(encoding="utf-8")
    (edited / HOOK).write_text(script.replace("PATIENCE = 50", "PATIENCE = 1"), encoding="utf-8")
    (edited / "tests" / "test_own.py").write_text("import time\n\ntime.sleep(60)\n", encoding="utf-8")
    told = words(after("PostToolUse", edited, "tests/test_own.py"), "PostToolUse")
    assert "pytest takes too long for a hook: run it by hand" in told


def test_it_gives_up_before_claude_code_does(edited: Path) -> None:
    hooks = json.loads((edited / ".claude" / "settings.json").read_text(encoding="utf-8"))["hooks"]
    assert hooks["PostToolUse"][0]["hooks"][0]["timeout"] > 50
    assert "PATIENCE = 50" in (edited / HOOK).read_text(encoding="utf-8")
