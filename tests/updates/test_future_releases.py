"""What future releases may do to a service: files with other names, moved seams, other questions; edits live on."""

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

pytestmark = pytest.mark.thorough

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
    """Make a release in which something happens to the template."""

    def made(*changes: Callable[[Path, str], None]) -> Path:
        directory = shutil.copytree(history, tmp_path / "template", symlinks=True)
        for change in changes:
            change(directory, LATER.removeprefix("v"))
        commit(directory, LATER)
        return directory

    return made


def start(template: Path, directory: Path, **answers: object) -> Path:
    """Copy a service from the work tree, and commit it."""
    render(template, directory, all_questions().default | answers, releases.NEXT)
    commit(directory, "start")
    return directory


def edit(service: Path, path: str, change: Callable[[str], str]) -> None:
    """Have the owner change a file, and commit it."""
    text = (service / path).read_text(encoding="utf-8")
    (service / path).write_text(change(text), encoding="utf-8")
    keep(service)


def keep(service: Path) -> None:
    git(service, "add", "--all")
    git(service, "commit", "--allow-empty", "--message", "work")


def conflicts(service: Path) -> list[str]:
    return git(service, "diff", "--name-only", "--diff-filter=U").splitlines()


@pytest.fixture
def told_by_update(capfd: pytest.CaptureFixture[str]) -> Callable[[Path], str]:
    """Update a service, and give what is told meanwhile."""

    def told(service: Path) -> str:
        capfd.readouterr()
        update(service, {}, LATER)
        return capfd.readouterr().err

    return told


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (futures.a_file_is_renamed, {}, {}),
        (futures.files_of_resources_are_renamed, {}, {}),
        (futures.a_file_is_dropped, {}, {}),
        (futures.a_seam_is_moved, {}, {}),
        (futures.a_module_is_split, {}, {}),
        (futures.a_question_is_renamed, {"project_description": "Ours."}, {"summary": "Ours."}),
        (futures.a_choice_is_renamed, {"database": "sqlite"}, {"storage": "file"}),
        (futures.a_choice_is_dropped, {"deploy": ["kubernetes", "fly"]}, {"platforms": ["kubernetes"]}),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_an_update_gives_what_a_fresh_copy_gives(
    change: Callable[[Path, str], None], before: Answers, after: Answers, later: Callable[..., Path], empty: Path
) -> None:
    template = later(change)
    service = start(template, empty / "service", **before)
    update(service, {}, LATER)
    kept = {name: answer for name, answer in all_questions().default.items() if name not in before}
    render(template, empty / "fresh", kept | after, LATER)
    assert conflicts(service) == []
    assert tree(service) == tree(empty / "fresh")


def test_an_edit_follows_its_file(
    later: Callable[..., Path], empty: Path, told_by_update: Callable[[Path], str]
) -> None:
    service = start(later(futures.a_file_is_renamed), empty)
    edit(service, IMAGE, lambda text: text + OURS)
    told = told_by_update(service)
    text = (service / CONTAINER).read_text(encoding="utf-8")
    assert text.startswith("# Container: ")
    assert text.endswith(OURS)
    assert conflicts(service) == []
    assert f"{IMAGE} → {CONTAINER}" in told


def test_an_edit_follows_the_file_of_a_resource(
    later: Callable[..., Path], empty: Path, told_by_update: Callable[[Path], str]
) -> None:
    service = start(later(futures.files_of_resources_are_renamed), empty)
    edit(service, KIND.format("enums"), lambda text: f"{text}\n\nOURS = 1\n")
    told_by_update(service)
    assert (service / KIND.format("kinds")).read_text(encoding="utf-8").endswith("\n\nOURS = 1\n")
    assert not (service / KIND.format("enums")).exists()


def test_an_edit_that_clashes_where_its_file_is_now_is_a_conflict(
    later: Callable[..., Path], empty: Path, told_by_update: Callable[[Path], str]
) -> None:
    service = start(later(futures.a_file_is_renamed), empty)
    edit(service, IMAGE, lambda text: text.replace("# ", "# Our own: ", 1))
    told = told_by_update(service)
    assert conflicts(service) == [CONTAINER]
    text = (service / CONTAINER).read_text(encoding="utf-8")
    assert "<<<<<<< before updating\n# Our own: " in text
    assert "clashes with the update in:\n    docs/container.md" in told
    git(service, "checkout", "--ours", CONTAINER)
    assert (service / CONTAINER).read_text(encoding="utf-8").startswith("# Our own: ")


def test_an_edited_file_that_is_dropped_is_told_and_comes_back(
    later: Callable[..., Path], empty: Path, told_by_update: Callable[[Path], str]
) -> None:
    service = start(later(futures.a_file_is_dropped), empty)
    edit(service, IMAGE, lambda text: text + OURS)
    told = told_by_update(service)
    assert not (service / IMAGE).exists()
    (command,) = [line.strip() for line in told.splitlines() if line.strip().startswith("git restore")]
    git(service, *command.split()[1:])
    assert (service / IMAGE).read_text(encoding="utf-8").endswith(OURS)


def test_what_nobody_edited_goes_without_a_word(
    later: Callable[..., Path], empty: Path, told_by_update: Callable[[Path], str]
) -> None:
    service = start(later(futures.a_file_is_dropped), empty)
    assert IMAGE not in told_by_update(service)


def test_an_edit_of_what_an_answer_turns_off_is_told(history: Path, empty: Path) -> None:
    """On the command line, as its owner sees it."""
    service = start(history, empty, deploy=["fly"])
    edit(service, "fly.toml", lambda text: f"{text}# Ours.\n")
    run = copier(*update_arguments("--data", "deploy=[]"), directory=service)
    assert "git restore --source HEAD -- fly.toml" in run.stderr


def test_an_edit_follows_its_file_in_a_directory_of_a_repository(
    later: Callable[..., Path], empty: Path, told_by_update: Callable[[Path], str]
) -> None:
    template = later(futures.a_file_is_renamed)
    service = empty / "services" / "shop"
    render(template, service, all_questions().default, releases.NEXT)
    commit(empty, "start")
    text = (service / IMAGE).read_text(encoding="utf-8")
    (service / IMAGE).write_text(text.replace("# ", "# Our own: ", 1), encoding="utf-8")
    keep(empty)
    told_by_update(service)
    assert conflicts(empty) == [f"services/shop/{CONTAINER}"]


def test_a_renamed_question_keeps_its_answer_again_and_again(later: Callable[..., Path], empty: Path) -> None:
    service = start(later(futures.a_question_is_renamed), empty, project_description="Ours.")
    for _ in range(2):
        update(service, {}, LATER)
        keep(service)
    recorded = yaml.safe_load((service / RECORD).read_text(encoding="utf-8"))
    assert recorded["summary"] == "Ours."
    assert "project_description" not in recorded
