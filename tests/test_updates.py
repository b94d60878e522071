"""An update gives what a fresh copy would, from an earlier release or to another answer, and loses no edit silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extensions.plan import questions
from tests.harness.command_line import copier, data, updating
from tests.harness.questions import all_questions, flips, word
from tests.harness.rendering import render, tree, update
from tests.harness.scratch import EARLIER, RELEASE, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.questions import Answers
    from tests.harness.rendering import Tree
    from tests.harness.services import Service

DEFAULT = all_questions().default
FLIPS = {
    f"{name}: {word(name, before)} to {word(name, after)}": ({name: before}, {name: after})
    for name, question in questions().items()
    for pair in flips(question)
    for before, after in (pair, pair[::-1])
}
HISTORY = "migrations/versions/"  # from its first day on it belongs to the service


def without_history(files: Tree) -> Tree:
    return {path: file for path, file in files.items() if not path.startswith(HISTORY)}


def start(template: Path, directory: Path, answers: Answers, version: str) -> None:
    """Copy a service and commit it, as Copier asks before it updates."""
    render(template, directory, answers, version)
    commit(directory, "start")


def end(directory: Path, answers: Answers) -> None:
    update(directory, answers, RELEASE)
    assert git(directory, "diff", "--name-only", "--diff-filter=U") == ""


def test_an_update_gives_what_a_fresh_copy_gives(combination: Service, template: Path, empty: Path) -> None:
    start(template, empty, combination.answers, EARLIER)
    assert "colour.txt" in tree(empty)
    end(empty, {})
    assert tree(empty) == combination.files


@pytest.mark.parametrize(("before", "after"), FLIPS.values(), ids=FLIPS)
def test_another_answer_gives_what_a_fresh_copy_gives(
    before: Answers, after: Answers, serve: Callable[[Answers], Service], template: Path, empty: Path
) -> None:
    start(template, empty, DEFAULT | before, RELEASE)
    end(empty, after)
    assert without_history(tree(empty)) == without_history(serve(after).files)


def test_the_command_line_updates_likewise(template: Path, empty: Path) -> None:
    there, here = empty / "command line", empty / "harness"
    for directory in (there, here):
        start(template, directory, DEFAULT, EARLIER)
    run = copier(*updating(*data({"database": "sqlite"})), directory=there)
    assert run.returncode == 0, run.stderr
    end(here, {"database": "sqlite"})
    assert tree(there) == tree(here)


def test_an_edit_is_kept(template: Path, empty: Path) -> None:
    start(template, empty, DEFAULT, EARLIER)
    style = empty / "ruff.toml"
    style.write_text("# Ours.\n" + style.read_text(encoding="utf-8"), encoding="utf-8")
    commit(empty, "edit")
    end(empty, {})
    assert style.read_text(encoding="utf-8").startswith("# Ours.\n")
    assert "This line will go." not in style.read_text(encoding="utf-8")


def test_an_edit_that_clashes_is_shown(template: Path, empty: Path) -> None:
    start(template, empty, DEFAULT, EARLIER)
    style = empty / "ruff.toml"
    style.write_text(style.read_text(encoding="utf-8").replace("will go", "will stay"), encoding="utf-8")
    commit(empty, "edit")
    update(empty, {}, RELEASE)
    assert git(empty, "diff", "--name-only", "--diff-filter=U") == "ruff.toml\n"
    assert "This line will stay." in style.read_text(encoding="utf-8")
