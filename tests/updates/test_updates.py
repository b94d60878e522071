"""Updates add, remove and merge files; `matrix/test_every_update.py` updates every service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.combinations.copier_cli import copier, data, update_arguments
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree, update
from tests.harness.workspace import EARLIER, RELEASE, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

DEFAULT = all_questions().default


def start(template: Path, directory: Path, answers: Answers, version: str) -> None:
    """Render a service and commit it, as Copier requires before updates."""
    render(template, directory, answers, version)
    commit(directory, "start")


def update_cleanly(directory: Path, answers: Answers) -> None:
    update(directory, answers, RELEASE)
    assert git(directory, "diff", "--name-only", "--diff-filter=U") == ""


def test_update_adds_and_removes_files(serve: Callable[[Answers], Service], template: Path, empty: Path) -> None:
    """The two releases differ by a question, two files and a line: see `workspace.make_earlier`."""
    start(template, empty, DEFAULT, EARLIER)
    assert "colour.txt" in tree(empty)
    update_cleanly(empty, {})
    assert tree(empty) == serve({}).files


@pytest.mark.thorough
def test_command_line_update_equals_harness_update(template: Path, empty: Path) -> None:
    there, here = empty / "command line", empty / "harness"
    for directory in (there, here):
        start(template, directory, DEFAULT, EARLIER)
    run = copier(*update_arguments(*data({"database": "sqlite"})), directory=there)
    assert run.returncode == 0, run.stderr
    update_cleanly(here, {"database": "sqlite"})
    assert tree(there) == tree(here)


def test_edit_of_file_survives_update(template: Path, empty: Path) -> None:
    start(template, empty, DEFAULT, EARLIER)
    style = empty / "ruff.toml"
    style.write_text("# Ours.\n" + style.read_text(encoding="utf-8"), encoding="utf-8")
    commit(empty, "edit")
    update_cleanly(empty, {})
    assert style.read_text(encoding="utf-8").startswith("# Ours.\n")
    assert "This line will go." not in style.read_text(encoding="utf-8")


def test_conflicting_edit_has_conflict_markers(template: Path, empty: Path) -> None:
    start(template, empty, DEFAULT, EARLIER)
    style = empty / "ruff.toml"
    style.write_text(style.read_text(encoding="utf-8").replace("will go", "will stay"), encoding="utf-8")
    commit(empty, "edit")
    update(empty, {}, RELEASE)
    assert git(empty, "diff", "--name-only", "--diff-filter=U") == "ruff.toml\n"
    assert "This line will stay." in style.read_text(encoding="utf-8")
