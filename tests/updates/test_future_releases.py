"""Edits and answers survive simulated releases that rename files, move dividers or change questions."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.combinations.copier_cli import copier, update_arguments
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import caching_renderings, render, tree, update
from tests.harness.updates import future_releases as futures
from tests.harness.updates import releases
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.combinations.questions import Answers

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

LATER = "v1000.0.0"
RECORD = ".copier-answers.yml"
IMAGE, CONTAINER = "docs/image.md", "docs/container.md"
KIND = "app/{}/product.py"
OURS = "\nWhat we found out ourselves.\n"


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with caching_renderings():
        yield


@pytest.fixture
def later(history: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that creates a later release of the template with a change."""

    def make(*changes: Callable[[Path, str], None]) -> Path:
        directory = shutil.copytree(history, tmp_path / "template", symlinks=True)
        for change in changes:
            change(directory, LATER.removeprefix("v"))
        commit(directory, LATER)
        return directory

    return make


def start(template: Path, directory: Path, **answers: object) -> Path:
    """Render a service from the work tree's template, and commit it."""
    render(template, directory, all_questions().default | answers, releases.NEXT)
    commit(directory, "start")
    return directory


def edit(service: Path, path: str, change: Callable[[str], str]) -> None:
    """Edit a file of the service, and commit the edit."""
    text = (service / path).read_text(encoding="utf-8")
    (service / path).write_text(change(text), encoding="utf-8")
    commit_all(service)


def commit_all(service: Path) -> None:
    git(service, "add", "--all")
    git(service, "commit", "--allow-empty", "--message", "work")


def conflicts(service: Path) -> list[str]:
    return git(service, "diff", "--name-only", "--diff-filter=U").splitlines()


@pytest.fixture
def update_output(capfd: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """Return a function that updates a service and returns its stderr."""

    def output(service: Path) -> str:
        capfd.readouterr()
        update(service, {}, LATER)
        return capfd.readouterr().err

    return output


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (futures.rename_file, {}, {}),
        (futures.rename_resource_files, {}, {}),
        (futures.drop_file, {}, {}),
        (futures.move_divider, {}, {}),
        (futures.split_file, {}, {}),
        (futures.rename_question, {"project_description": "Ours."}, {"summary": "Ours."}),
        (futures.rename_choice, {"database": "sqlite"}, {"storage": "file"}),
        (futures.drop_choice, {"deploy": ["kubernetes", "fly"]}, {"platforms": ["kubernetes"]}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_update_to_simulated_release_equals_fresh_copy(
    change: Callable[[Path, str], None], before: Answers, after: Answers, later: Callable[..., Path], empty: Path
) -> None:
    template = later(change)
    service = start(template, empty / "service", **before)
    update(service, {}, LATER)
    unchanged = {name: answer for name, answer in all_questions().default.items() if name not in before}
    render(template, empty / "fresh", unchanged | after, LATER)
    assert conflicts(service) == []
    assert tree(service) == tree(empty / "fresh")


def test_edit_follows_renamed_file(
    later: Callable[..., Path], empty: Path, update_output: Callable[[Path], str]
) -> None:
    service = start(later(futures.rename_file), empty)
    edit(service, IMAGE, lambda text: text + OURS)
    output = update_output(service)
    text = (service / CONTAINER).read_text(encoding="utf-8")
    assert text.startswith("# Container: ")
    assert text.endswith(OURS)
    assert conflicts(service) == []
    assert f"{IMAGE} → {CONTAINER}" in output


def test_edit_follows_renamed_resource_file(
    later: Callable[..., Path], empty: Path, update_output: Callable[[Path], str]
) -> None:
    service = start(later(futures.rename_resource_files), empty)
    edit(service, KIND.format("enums"), lambda text: f"{text}\n\nOURS = 1\n")
    update_output(service)
    assert (service / KIND.format("kinds")).read_text(encoding="utf-8").endswith("\n\nOURS = 1\n")
    assert not (service / KIND.format("enums")).exists()


def test_conflicting_edit_in_renamed_file_has_markers(
    later: Callable[..., Path], empty: Path, update_output: Callable[[Path], str]
) -> None:
    service = start(later(futures.rename_file), empty)
    edit(service, IMAGE, lambda text: text.replace("# ", "# Our own: ", 1))
    output = update_output(service)
    assert conflicts(service) == [CONTAINER]
    text = (service / CONTAINER).read_text(encoding="utf-8")
    assert "<<<<<<< before updating\n# Our own: " in text
    assert "conflict with the update in:\n    docs/container.md" in output
    git(service, "checkout", "--ours", CONTAINER)
    assert (service / CONTAINER).read_text(encoding="utf-8").startswith("# Our own: ")


def test_dropped_edited_file_is_reported_and_restorable(
    later: Callable[..., Path], empty: Path, update_output: Callable[[Path], str]
) -> None:
    service = start(later(futures.drop_file), empty)
    edit(service, IMAGE, lambda text: text + OURS)
    output = update_output(service)
    assert not (service / IMAGE).exists()
    (command,) = [line.strip() for line in output.splitlines() if line.strip().startswith("git restore")]
    git(service, *command.split()[1:])
    assert (service / IMAGE).read_text(encoding="utf-8").endswith(OURS)


def test_dropped_unedited_file_is_not_reported(
    later: Callable[..., Path], empty: Path, update_output: Callable[[Path], str]
) -> None:
    service = start(later(futures.drop_file), empty)
    assert IMAGE not in update_output(service)


def test_edited_file_of_deselected_feature_is_reported(history: Path, empty: Path) -> None:
    """Run Copier's command line, as a user does."""
    service = start(history, empty, deploy=["fly"])
    edit(service, "fly.toml", lambda text: f"{text}# Ours.\n")
    run = copier(*update_arguments("--data", "deploy=[]"), directory=service)
    assert "git restore --source HEAD -- fly.toml" in run.stderr


def test_edit_follows_renamed_file_in_monorepo(
    later: Callable[..., Path], empty: Path, update_output: Callable[[Path], str]
) -> None:
    template = later(futures.rename_file)
    service = empty / "services" / "shop"
    render(template, service, all_questions().default, releases.NEXT)
    commit(empty, "start")
    text = (service / IMAGE).read_text(encoding="utf-8")
    (service / IMAGE).write_text(text.replace("# ", "# Our own: ", 1), encoding="utf-8")
    commit_all(empty)
    update_output(service)
    assert conflicts(empty) == [f"services/shop/{CONTAINER}"]


def test_answer_to_renamed_question_survives_updates(later: Callable[..., Path], empty: Path) -> None:
    service = start(later(futures.rename_question), empty, project_description="Ours.")
    for _ in range(2):
        update(service, {}, LATER)
        commit_all(service)
    recorded = yaml.safe_load((service / RECORD).read_text(encoding="utf-8"))
    assert recorded["summary"] == "Ours."
    assert "project_description" not in recorded
