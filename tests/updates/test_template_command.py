"""The owner's command `template`: it tells what Copier passes over in silence, and no update loses anything."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.combinations.copier_cli import copier, run_command, update_arguments
from tests.harness.combinations.rendering import tree
from tests.harness.updates.owner_repository import FIRST, SECOND, THIRD, Owner, own, publish, write
from tests.harness.workspace import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.combinations.copier_cli import Run

pytestmark = pytest.mark.thorough

LIMITS, CI = "app/limits.py", "ci.yml"


@pytest.fixture(scope="module")
def template(workspace: Path) -> Path:
    directory = workspace / "small template"
    publish(directory)
    return directory


@pytest.fixture
def owner(template: Path, empty: Path) -> Owner:
    return own(template, empty)


# ── What stock Copier passes over ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Twins:
    """Two services alike, one updated by Copier alone, the other by the command, which refused."""

    stock: Owner
    said: Run
    ours: Owner
    code: int
    told: dict[str, Any]


def edited(owner: Owner) -> Owner:
    owner.edit(LIMITS, "SHAPES = 4", "SHAPES = 4\nTIMEOUT = 5")
    owner.edit("app/greetings.py", "Greetings.", "Greetings of ours.")
    owner.edit("app/words.py", 'YES = "yes"', 'YES = "aye"')
    return owner


@pytest.fixture(scope="module")
def twins(template: Path, workspace: Path) -> Twins:
    stock, ours = (edited(own(template, workspace / "twins" / name)) for name in ("stock", "ours"))
    said = copier(*update_arguments(), directory=stock.directory)
    code, told = ours.tell("update", "--no-checks")
    return Twins(stock, said, ours, code, told)


def test_stock_copier_says_nothing_and_ours_refuses(twins: Twins) -> None:
    assert twins.said.returncode == 0
    assert git(twins.stock.directory, "ls-files", "--unmerged") == ""
    assert twins.code == 1
    assert git(twins.ours.directory, "status", "--porcelain") == ""
    assert twins.ours.read(".copier-answers.yml").count(FIRST) == 1


def test_an_edited_file_is_not_deleted_unless_it_is_named(twins: Twins) -> None:
    assert not (twins.stock / "app/greetings.py").exists()
    assert "ours" not in twins.stock.read("app/salutes.py")
    assert twins.told["deleted"] == ["app/greetings.py"]
    assert "--delete app/greetings.py" in twins.told["error"]


def test_an_edit_that_a_migration_carried_is_not_called_lost(twins: Twins) -> None:
    tried = Owner(twins.ours / ".dev/update/tree")
    assert not (tried / "app/words.py").exists()
    assert 'YES = "aye"' in tried.read("app/phrases.py")


def test_a_seed_that_the_template_changed_is_told_and_left(twins: Twins) -> None:
    assert twins.stock.read("first.sql") == "create table product;\n"
    assert "first.sql" not in twins.said.stdout + twins.said.stderr
    assert twins.told["seeds"] == ["first.sql"]


def test_a_clean_merge_that_defines_a_name_twice_is_refused(twins: Twins) -> None:
    assert twins.stock.read(LIMITS).count("TIMEOUT") == 2
    assert twins.told["faults"] == [f"{LIMITS}: TIMEOUT is there twice"]


def test_a_new_question_is_told_with_the_answer_that_was_taken(twins: Twins) -> None:
    assert yaml.safe_load(twins.stock.read(".copier-answers.yml"))["greeting"] == "hello"
    assert "greeting" not in twins.said.stdout + twins.said.stderr
    assert twins.told["questions"] == {"greeting": "hello"}


def test_notes_of_the_versions_that_are_crossed_are_told(twins: Twins) -> None:
    notes = twins.told["notes"]
    assert "Greets." in notes
    assert "Quick tests." in notes
    assert "The first." not in notes
    assert "Nothing yet." not in notes


# ── Status ────────────────────────────────────────────────────────────────────────────────────────


def clashed(owner: Owner, resolved: str) -> None:
    """Edit a line that the newest version changes too, update by Copier alone, and resolve the conflict."""
    owner.edit(CI, "checkout: 4", "checkout: ours")
    assert copier(*update_arguments(), directory=owner.directory).returncode == 0
    assert "<<<<<<<" in owner.read(CI)
    write(owner.directory, {CI: resolved})
    owner.commit("Update")


def test_a_file_that_lacks_what_a_version_changed_is_stale_though_the_record_is_new(
    template: Path, empty: Path
) -> None:
    owner = own(template, empty, SECOND)
    clashed(owner, owner.read(CI).replace("checkout: 4", "checkout: ours"))
    stock = copier("check-update", directory=owner.directory)
    assert "up-to-date" in stock.stdout + stock.stderr
    code, told = owner.tell("status")
    assert (code, told["behind"], told["stale"], told["yours"]) == (
        1,
        0,
        {CI: THIRD},
        ["first.sql"],
    )
    owner.edit(CI, "checkout: ours", "checkout: 5 # and ours")
    code, told = owner.tell("status")
    assert (code, told["stale"], told["yours"]) == (0, {}, [CI, "first.sql"])
    owner.edit(CI, "checkout: 5 # and ours", "checkout: 4")
    code, told = owner.tell("status")
    assert (code, told["stale"], told["yours"]) == (1, {CI: THIRD}, ["first.sql"])


def test_status_says_what_is_the_owners_and_what_is_missing(owner: Owner) -> None:
    (owner / "app/words.py").unlink()
    owner.edit(LIMITS, "RATE = 20", "RATE = 7")
    code, told = owner.tell("status")
    assert code == 1
    assert (told["version"], told["newest"], told["behind"]) == (FIRST, THIRD, 2)
    assert (told["yours"], told["stale"], told["missing"]) == ([LIMITS], {}, ["app/words.py"])
    assert CI in told["same"]
    shown = owner.run("diff", LIMITS)
    assert (shown.returncode, "+RATE = 7" in shown.stdout, "-RATE = 20" in shown.stdout) == (1, True, True)


# ── Updates that conflict, and those that are taken back ──────────────────────────────────────────


@pytest.fixture
def refused(owner: Owner) -> Owner:
    """A service that an update has clashed with, in every way."""
    owner.edit(CI, "checkout: 4", "checkout: ours")
    assert edited(owner).run("update", "--no-checks").returncode == 1
    return owner


def test_what_is_refused_is_taken_once_its_owner_has_decided(refused: Owner) -> None:
    start = refused.head
    assert git(refused.directory, "status", "--porcelain") == ""
    assert refused.run("update").returncode == 2
    tried = Owner(refused / ".dev/update/tree")
    write(tried.directory, {LIMITS: '"""Ours."""\n'})
    code, told = refused.tell("update", "--continue", "--no-checks", "--delete", "app/greetings.py")
    assert (code, told["conflicts"], told["faults"], told["reasons"]) == (1, [CI], [], [f"{CI} has a conflict"])
    assert refused.head == start
    write(tried.directory, {CI: refused.read(CI).replace("ours", "5 of ours")})
    taken = refused.run("update", "--continue", "--no-checks", "--delete", "app/greetings.py")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    assert "checkout: 5 of ours" in refused.read(CI)
    assert refused.read(LIMITS) == '"""Ours."""\n'
    assert not (refused / "app/greetings.py").exists()
    assert not (refused / ".dev").exists()
    assert git(refused.directory, "worktree", "list").count("\n") == 1
    assert git(refused.directory, "rev-parse", "HEAD^").strip() == start
    assert git(refused.directory, "log", "-1", "--format=%s") == f"Update the template from {FIRST} to {THIRD}\n"
    assert refused.run("undo").returncode == 0
    assert (refused.head, git(refused.directory, "status", "--porcelain")) == (start, "")
    assert "checkout: ours" in refused.read(CI)


def test_what_is_refused_is_thrown_away(refused: Owner) -> None:
    start = refused.head
    assert refused.run("update", "--abort").returncode == 0
    assert not (refused / ".dev").exists()
    assert git(refused.directory, "worktree", "list").count("\n") == 1
    assert (refused.head, git(refused.directory, "status", "--porcelain")) == (start, "")
    assert refused.run("update", "--continue").returncode == 2


def test_an_update_is_one_commit_and_is_taken_back_by_another_once_work_followed(owner: Owner) -> None:
    start = owner.head
    code, told = owner.tell("update", "--to", SECOND, "--no-checks")
    assert (code, told["applied"], told["commit"]) == (0, True, owner.head)
    assert git(owner.directory, "rev-parse", "HEAD^").strip() == start
    code, told = owner.tell("update", "--to", SECOND, "--no-checks")
    assert (code, told["applied"]) == (0, False)
    owner.edit(LIMITS, "RATE = 20", "RATE = 7")
    (owner / LIMITS).write_text("RATE = 8\n", encoding="utf-8")
    assert owner.run("undo").returncode == 2
    git(owner.directory, "checkout", "--", LIMITS)
    code, told = owner.tell("undo")
    assert (code, told["by"]) == (0, "revert")
    assert "test: all" in owner.read(CI)
    assert "RATE = 7" in owner.read(LIMITS)
    assert FIRST in owner.read(".copier-answers.yml")


def test_the_result_can_be_left_on_another_branch(owner: Owner) -> None:
    start = owner.head
    code, told = owner.tell("update", "--no-checks", "--branch", "template", "--data", "greeting=hi")
    assert (code, told["branch"], owner.head) == (0, "template", start)
    assert git(owner.directory, "rev-parse", "template^").strip() == start
    assert "greeting: hi\n" in git(owner.directory, "show", "template:.copier-answers.yml")
    assert owner.run("update", "--no-checks", "--branch", "template").returncode == 2


def test_an_answer_is_changed_at_the_same_version(template: Path, empty: Path) -> None:
    owner = own(template, empty, THIRD)
    code, told = owner.tell("update", "--no-checks", "--data", "cache=false")
    assert (code, told["answers"]) == (0, {})
    assert not (owner / "app/cache.py").exists()
    assert "Change answers" in git(owner.directory, "log", "-1", "--format=%s")


# ── Where a service stands ────────────────────────────────────────────────────────────────────────


def test_a_part_of_a_repository_is_updated_alone(template: Path, empty: Path) -> None:
    owner = own(template, empty / "services" / "shop")
    (owner / ".git").rename(empty / ".git")
    (owner / ".copier-answers.yml").rename(owner / "template.yml")
    write(empty, {"other.txt": "theirs\n"})
    Owner(empty).commit("Move")
    write(empty, {"other.txt": "theirs, in work\n"})
    named = ("--answers-file", "template.yml")
    code, told = owner.tell("update", "--no-checks", *named)
    assert (code, told["applied"]) == (0, True)
    assert (empty / "other.txt").read_text(encoding="utf-8") == "theirs, in work\n"
    assert git(empty, "status", "--porcelain") == " M other.txt\n"
    assert "checkout: 5" in owner.read(CI)
    assert not (empty / CI).exists()
    assert owner.tell("status", *named)[0] == 0


# ── What cannot be ────────────────────────────────────────────────────────────────────────────────


def wreck_version(owner: Owner) -> None:
    owner.edit(".copier-answers.yml", FIRST, "v0.0.1")


def wreck_source(owner: Owner) -> None:
    owner.edit(".copier-answers.yml", "small template", "no template")


def wreck_record(owner: Owner) -> None:
    (owner / ".copier-answers.yml").unlink()


def wreck_repository(owner: Owner) -> None:
    shutil.rmtree(owner / ".git")


WRECKS = {
    "v0.0.1": wreck_version,
    "no template": wreck_source,
    "--answers-file": wreck_record,
    "git init": wreck_repository,
}


@pytest.mark.parametrize(("word", "wreck"), WRECKS.items(), ids=WRECKS)
def test_what_cannot_be_told_is_one_clear_error(word: str, wreck: Callable[[Owner], None], owner: Owner) -> None:
    wreck(owner)
    code, told = owner.tell("status")
    assert code == 2
    assert word in told["error"]


def test_an_update_wants_what_can_be_done(owner: Owner) -> None:
    wrong = owner.run("update", "--no-checks", "--data", "colour=red")
    assert (wrong.returncode, "no question named colour" in wrong.stderr) == (2, True)
    assert not (owner / ".dev").exists()
    assert owner.run("update", "--to", "v9").returncode == 2
    assert owner.run("status", "--to", "v9").returncode == 2
    write(owner.directory, {CI: "steps: []\n"})
    dirty = owner.run("update")
    assert (dirty.returncode, CI in dirty.stderr) == (2, True)
    assert owner.read(CI) == "steps: []\n"


# ── Many services ─────────────────────────────────────────────────────────────────────────────────


def test_a_fleet_is_shown_and_left_alone(template: Path, empty: Path) -> None:
    old, new = own(template, empty / "<old>"), own(template, empty / "new", THIRD)
    old.edit(LIMITS, "RATE = 20", "RATE = 7")
    before = tree(empty)
    index = (old / ".git/index").read_bytes()
    directories = [str(each) for each in (old.directory, new.directory, empty / "none")]
    page = empty.with_suffix(".html")
    done = new.run("fleet", *directories, "--html", str(page), "--json")
    heads, first, second, third, *_ = done.stderr.splitlines()
    assert heads.split()[:2] == ["service", "version"]
    assert first.split()[-6:] == [FIRST, THIRD, "2", "1", "0", "0"]
    assert second.split()[-6:] == [THIRD, THIRD, "0", "0", "0", "0"]
    assert "There is no directory" in third
    assert done.returncode == 2
    told = json.loads(done.stdout)["services"]
    assert [each["service"] for each in told] == directories
    assert [each.get("yours") for each in told] == [[LIMITS], [], None]
    shown = page.read_text(encoding="utf-8")
    assert "&lt;old&gt;" in shown
    assert "<old>" not in shown
    assert "<script" not in shown
    assert "http" not in shown
    assert (tree(empty), (old / ".git/index").read_bytes()) == (before, index)


# ── As the owner types it ─────────────────────────────────────────────────────────────────────────


def uv(owner: Owner, *arguments: str) -> Run:
    return run_command(["uv", "run", *arguments], owner.directory, dict(os.environ), 300)


def test_uv_runs_it_and_it_runs_the_checks(owner: Owner) -> None:
    """The service's environment has no Copier; a test that fails after the update refuses it, and passes before."""
    test = "from app import words\n\n\ndef test_there_is_a_yes() -> None:\n    assert words.YES\n"
    write(owner.directory, {"tests/__init__.py": "", "tests/test_words.py": test})
    owner.commit("Test words")
    start = owner.head
    status = uv(owner, "template", "status")
    assert status.returncode == 1, status.stdout
    assert f"{THIRD} is the newest, 2 releases on." in status.stdout
    refused = uv(owner, "template", "update")
    assert refused.returncode == 1, refused.stdout
    assert "`uv run mypy` fails" in refused.stdout
    assert owner.head == start
    write(owner.directory / ".dev/update/tree", {"tests/test_words.py": test.replace("words", "phrases")})
    taken = uv(owner, "template", "update", "--continue")
    assert taken.returncode == 0, taken.stdout
    assert 'pytest -q -m "not drill"' in taken.stdout
    assert git(owner.directory, "rev-parse", "HEAD^").strip() == start
    assert git(owner.directory, "ls-files", "uv.lock") == ""
