"""Updates handle paths that a user added, renamed or replaced where the template changes files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.updates.owner_repository import THIRD, Owner, create_service, create_template, write
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.thorough

WORDS, PHRASES = "app/words.py", "app/phrases.py"  # the template moves the first to the second
LIMITS, CI, LOGO = "app/limits.py", "ci.yml", "logo.bin"
BINARIES = {"v2.1.0": "\0one", "v2.2.0": "\0two"}


@pytest.fixture(scope="module")
def template(workspace: Path) -> Path:
    directory = workspace / "template of paths"
    create_template(directory)
    for version, content in BINARIES.items():
        write(directory, {f"template/{LOGO}": content})
        commit(directory, version)
    return directory


@pytest.fixture
def owner(template: Path, empty: Path) -> Owner:
    return create_service(template, empty)


def move(owner: Owner, old: str, new: str) -> None:
    (owner / new).parent.mkdir(exist_ok=True)
    git(owner.directory, "mv", old, new)
    owner.commit(f"Move {old}")


def test_move_to_path_of_user_file_conflicts(owner: Owner) -> None:
    write(owner.directory, {PHRASES: "OURS = 1\n"})
    owner.edit(WORDS, '"yes"', '"aye"')
    report = owner.update()
    assert (report["conflicts"], report["deleted"]) == ([PHRASES], [WORDS])
    assert "OURS = 1\n" in owner.result(report).read(PHRASES)
    assert 'YES = "aye"\n' in owner.result(report).read(WORDS)


def test_move_to_path_of_user_directory_rejects_update(owner: Owner) -> None:
    write(owner.directory, {f"{PHRASES}/ours.txt": "Ours.\n"})
    owner.commit("Add")
    report = owner.update()
    assert not report["applied"]
    assert owner.result(report).read(f"{PHRASES}/ours.txt") == "Ours.\n"


def test_same_rename_by_user_and_template_is_merged(owner: Owner) -> None:
    move(owner, WORDS, PHRASES)
    owner.edit(PHRASES, '"yes"', '"aye"')
    assert owner.update()["applied"]
    assert 'YES = "aye"\n' in owner.read(PHRASES)
    assert not (owner / WORDS).exists()


def test_different_rename_by_user_is_preserved(owner: Owner) -> None:
    move(owner, WORDS, "app/vocabulary.py")
    report = owner.update()
    assert (report["applied"], report["followed"]) == (True, {PHRASES: "app/vocabulary.py"})
    assert not (owner / PHRASES).exists()


def test_module_that_user_turned_into_package_gets_template_change(owner: Owner) -> None:
    move(owner, LIMITS, "app/limits/__init__.py")
    assert owner.update()["applied"]
    assert "TIMEOUT = 30" in owner.read("app/limits/__init__.py")


def test_binary_file_changed_by_user_and_template_conflicts(template: Path, empty: Path) -> None:
    owner = create_service(template, empty, "v2.1.0")
    owner.edit(LOGO, "one", "ours")
    report = owner.update()
    assert (report["applied"], report["conflicts"]) == (False, [LOGO])
    write(owner.result(report).directory, {LOGO: "\0both"})
    assert owner.run("update", "--continue", "--no-checks").returncode == 0
    assert owner.read(LOGO) == "\0both"


def test_change_to_file_replaced_by_link_is_reported(owner: Owner) -> None:
    (owner / CI).unlink()
    (owner / CI).symlink_to("pyproject.toml")
    owner.commit("Link")
    report = owner.update()
    assert (report["applied"], report["left_deleted"]) == (True, [CI])
    assert (owner / CI).is_symlink()


def test_changed_seed_file_is_reported_if_answers_change(owner: Owner) -> None:
    options = ("--to", THIRD, "--data", "cache=false", "--no-checks", "--no-migration")
    code, report = owner.run_json("update", *options)
    assert (code, report["seeds"]) == (0, ["first.sql"])
