"""The command `slipway` rejects updates that lose edits, and reports changes that Copier ignores."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.combinations.copier_cli import copier, run_command, update_arguments
from tests.harness.combinations.rendering import tree
from tests.harness.updates.owner_repository import FIRST, SECOND, THIRD, Owner, create_service, create_template, write
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
    create_template(directory)
    return directory


@pytest.fixture
def owner(template: Path, empty: Path) -> Owner:
    return create_service(template, empty)


# ── Compared with stock Copier ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Twins:
    """Two equal services: Copier updated one, and `slipway` rejected the update of the other."""

    stock: Owner
    copier_run: Run
    ours: Owner
    code: int
    report: dict[str, Any]


def edited(owner: Owner) -> Owner:
    owner.edit(LIMITS, "SHAPES = 4", "SHAPES = 4\nTIMEOUT = 5")
    owner.edit("app/greetings.py", "Greetings.", "Greetings of ours.")
    owner.edit("app/words.py", 'YES = "yes"', 'YES = "aye"')
    return owner


@pytest.fixture(scope="module")
def twins(template: Path, workspace: Path) -> Twins:
    stock, ours = (edited(create_service(template, workspace / "twins" / name)) for name in ("stock", "ours"))
    copier_run = copier(*update_arguments(), directory=stock.directory)
    code, report = ours.run_json("update", "--no-checks")
    return Twins(stock, copier_run, ours, code, report)


def test_slipway_rejects_update_that_loses_edits(twins: Twins) -> None:
    assert twins.copier_run.returncode == 0
    assert git(twins.stock.directory, "ls-files", "--unmerged") == ""
    assert twins.code == 1
    assert git(twins.ours.directory, "status", "--porcelain") == ""
    assert twins.ours.read(".copier-answers.yml").count(FIRST) == 1


def test_edited_file_dropped_by_template_requires_delete_option(twins: Twins) -> None:
    assert not (twins.stock / "app/greetings.py").exists()
    assert twins.report["deleted"] == ["app/greetings.py"]
    assert "--delete app/greetings.py" in twins.report["error"]


def test_edit_in_moved_file_is_not_reported_as_lost(twins: Twins) -> None:
    attempt = Owner(twins.ours / ".dev/update/tree")
    assert not (attempt / "app/words.py").exists()
    assert 'YES = "aye"' in attempt.read("app/phrases.py")


def test_changed_seed_file_is_reported_and_left_unchanged(twins: Twins) -> None:
    assert twins.stock.read("first.sql") == "create table product;\n"
    assert "first.sql" not in twins.copier_run.stdout + twins.copier_run.stderr
    assert twins.report["seeds"] == ["first.sql"]


def test_update_that_merges_duplicate_definition_is_rejected(twins: Twins) -> None:
    assert twins.stock.read(LIMITS).count("TIMEOUT") == 2
    assert twins.report["faults"] == [f"{LIMITS}: TIMEOUT is defined twice"]


def test_new_question_is_reported_with_default(twins: Twins) -> None:
    assert yaml.safe_load(twins.stock.read(".copier-answers.yml"))["greeting"] == "hello"
    assert "greeting" not in twins.copier_run.stdout + twins.copier_run.stderr
    assert twins.report["questions"] == {"greeting": "hello"}


def test_skipped_versions_release_notes_are_reported(twins: Twins) -> None:
    notes = twins.report["notes"]
    assert "Greets: `hello`" in notes
    assert "Quick tests." in notes
    assert "The first." not in notes
    assert "Nothing yet." not in notes


# ── Status ────────────────────────────────────────────────────────────────────────────────────────


def conflicted(owner: Owner, resolved: str) -> None:
    """Update with Copier an edited line that the new version changes, and commit the given resolution."""
    owner.edit(CI, "checkout: 4", "checkout: ours")
    assert copier(*update_arguments(), directory=owner.directory).returncode == 0
    assert "<<<<<<<" in owner.read(CI)
    write(owner.directory, {CI: resolved})
    owner.commit("Update")


def test_status_reports_template_change_lost_in_conflict(template: Path, empty: Path) -> None:
    owner = create_service(template, empty, SECOND)
    conflicted(owner, owner.read(CI).replace("checkout: 4", "checkout: ours"))
    stock = copier("check-update", directory=owner.directory)
    assert "up-to-date" in stock.stdout + stock.stderr
    code, report = owner.run_json("status")
    assert (code, report["behind"], report["stale"], report["yours"]) == (
        1,
        0,
        {CI: THIRD},
        ["first.sql"],
    )
    owner.edit(CI, "checkout: ours", "checkout: 5 # and ours")
    code, report = owner.run_json("status")
    assert (code, report["stale"], report["yours"]) == (0, {}, [CI, "first.sql"])
    owner.edit(CI, "checkout: 5 # and ours", "checkout: 4")
    code, report = owner.run_json("status")
    assert (code, report["stale"], report["yours"]) == (1, {CI: THIRD}, ["first.sql"])


def test_status_lists_edited_and_missing_files(owner: Owner) -> None:
    (owner / "app/words.py").unlink()
    owner.edit(LIMITS, "RATE = 20", "RATE = 7")
    code, report = owner.run_json("status")
    assert code == 1
    assert (report["version"], report["newest"], report["behind"]) == (FIRST, THIRD, 2)
    assert (report["yours"], report["stale"], report["missing"]) == ([LIMITS], {}, ["app/words.py"])
    assert CI in report["same"]
    shown = owner.run("diff", LIMITS)
    assert (shown.returncode, "+RATE = 7" in shown.stdout, "-RATE = 20" in shown.stdout) == (1, True, True)


# ── Conflicts and undo ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def rejected(owner: Owner) -> Owner:
    """A service whose update was rejected for every possible reason."""
    owner.edit(CI, "checkout: 4", "checkout: ours")
    assert edited(owner).run("update", "--no-checks").returncode == 1
    return owner


def test_rejected_update_continues_after_its_conflicts_are_resolved(rejected: Owner) -> None:
    start = rejected.head
    assert git(rejected.directory, "status", "--porcelain") == ""
    assert rejected.run("update").returncode == 2
    attempt = Owner(rejected / ".dev/update/tree")
    write(attempt.directory, {LIMITS: '"""Ours."""\n'})
    code, report = rejected.run_json("update", "--continue", "--no-checks", "--delete", "app/greetings.py")
    assert (code, report["conflicts"], report["faults"], report["reasons"]) == (1, [CI], [], [f"{CI} has a conflict"])
    assert rejected.head == start
    write(attempt.directory, {CI: rejected.read(CI).replace("ours", "5 of ours")})
    applied = rejected.run("update", "--continue", "--no-checks", "--delete", "app/greetings.py")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "checkout: 5 of ours" in rejected.read(CI)
    assert rejected.read(LIMITS) == '"""Ours."""\n'
    assert not (rejected / "app/greetings.py").exists()
    assert not (rejected / ".dev").exists()
    assert git(rejected.directory, "worktree", "list").count("\n") == 1
    assert git(rejected.directory, "rev-parse", "HEAD^").strip() == start
    assert git(rejected.directory, "log", "-1", "--format=%s") == f"Update the template from {FIRST} to {THIRD}\n"
    assert rejected.run("undo").returncode == 0
    assert (rejected.head, git(rejected.directory, "status", "--porcelain")) == (start, "")
    assert "checkout: ours" in rejected.read(CI)


def test_rejected_update_is_aborted(rejected: Owner) -> None:
    start = rejected.head
    assert rejected.run("update", "--abort").returncode == 0
    assert not (rejected / ".dev").exists()
    assert git(rejected.directory, "worktree", "list").count("\n") == 1
    assert (rejected.head, git(rejected.directory, "status", "--porcelain")) == (start, "")
    assert rejected.run("update", "--continue").returncode == 2


def test_undo_reverts_update_commit(owner: Owner) -> None:
    start = owner.head
    code, report = owner.run_json("update", "--to", SECOND, "--no-checks")
    assert (code, report["applied"], report["commit"]) == (0, True, owner.head)
    assert git(owner.directory, "rev-parse", "HEAD^").strip() == start
    code, report = owner.run_json("update", "--to", SECOND, "--no-checks")
    assert (code, report["applied"]) == (0, False)
    owner.edit(LIMITS, "RATE = 20", "RATE = 7")
    (owner / LIMITS).write_text("RATE = 8\n", encoding="utf-8")
    assert owner.run("undo").returncode == 2
    git(owner.directory, "checkout", "--", LIMITS)
    code, report = owner.run_json("undo")
    assert (code, report["by"]) == (0, "revert")
    assert "test: all" in owner.read(CI)
    assert "RATE = 7" in owner.read(LIMITS)
    assert FIRST in owner.read(".copier-answers.yml")


def test_update_to_branch_leaves_head(owner: Owner) -> None:
    start = owner.head
    options = ("--no-checks", "--branch", "template")
    code, report = owner.run_json("update", *options, "--to", THIRD, "--data", "greeting=hi")
    assert (code, report["branch"], owner.head) == (0, "template", start)
    assert git(owner.directory, "rev-parse", "template^").strip() == start
    assert "greeting: hi\n" in git(owner.directory, "show", "template:.copier-answers.yml")
    assert owner.run("update", *options).returncode == 2


def test_update_at_newest_version_changes_answer(template: Path, empty: Path) -> None:
    owner = create_service(template, empty, THIRD)
    code, report = owner.run_json("update", "--no-checks", "--data", "cache=false")
    assert (code, report["answers"]) == (0, {})
    assert not (owner / "app/cache.py").exists()
    assert "Change answers" in git(owner.directory, "log", "-1", "--format=%s")


def test_service_is_updated_to_head_without_template_tags(tmp_path: Path, workspace: Path) -> None:  # noqa: ARG001
    create_template(tmp_path / "template")
    first, head = (git(tmp_path / "template", "rev-parse", f"{tag}^{{commit}}").strip() for tag in (FIRST, THIRD))
    git(tmp_path / "template", "tag", "--delete", FIRST, SECOND, THIRD)
    owner = create_service(tmp_path / "template", tmp_path / "service", first)
    code, report = owner.run_json("status")
    assert (code, report["newest"], report["behind"]) == (1, head[:12], 1)
    code, report = owner.run_json("update", "--no-checks")
    assert (code, report["applied"], head.startswith(report["after"])) == (0, True, True)
    assert owner.run_json("status")[0] == 0
    assert "Nothing to do" in owner.run("update").stdout


RELEASES = """
[[releases]]
version = "1.0.0"
commit = "{first}"

[[releases]]
version = "2.0.0"
commit = "{third}"
"""


def test_releases_are_read_from_list_without_template_tags(tmp_path: Path, workspace: Path) -> None:  # noqa: ARG001
    template = tmp_path / "template"
    create_template(template)
    first, third = (git(template, "rev-parse", f"{tag}^{{commit}}").strip() for tag in (FIRST, THIRD))
    git(template, "tag", "--delete", FIRST, SECOND, THIRD)
    write(template, {"releases.toml": RELEASES.format(first=first, third=third), "template/later.txt": "unreleased\n"})
    git(template, "add", "--all")
    git(template, "commit", "--message", "List releases")
    owner = create_service(template, tmp_path / "service", first)
    assert owner.run_json("status")[1]["newest"] == "2.0.0"
    assert owner.run_json("status", "--to", "1.0.0")[0] == 0
    code, report = owner.run_json("update", "--no-checks")
    assert (code, report["applied"], third.startswith(report["after"])) == (0, True, True)
    assert not (owner / "later.txt").exists()
    assert "Quick tests." in report["notes"]
    assert (owner.run_json("status")[1]["behind"], owner.run("update").stdout[:13]) == (0, "Nothing to do")


@pytest.mark.parametrize("to", ["main", SECOND, "commit", "1.1.0"])
def test_update_accepts_any_git_revision_as_target(to: str, tmp_path: Path, workspace: Path) -> None:  # noqa: ARG001
    template = tmp_path / "template"
    create_template(template)
    git(template, "branch", "--force", "--move", "main")
    revision = git(template, "rev-parse", f"{SECOND}^{{commit}}").strip() if to == "commit" else to
    write(template, {"releases.toml": RELEASES.format(first="0", third="0").replace("2.0.0", "3.0.0")})
    owner = create_service(template, tmp_path / "service")
    if to == "1.1.0":
        revision = SECOND
    code, report = owner.run_json("status", "--to", revision)
    assert (code, report["newest"]) == (1, THIRD if to == "main" else SECOND)
    code, report = owner.run_json("update", "--no-checks", "--to", revision)
    assert (code, report["after"]) == (0, THIRD if to == "main" else SECOND)


def test_update_with_changed_answers_keeps_version(owner: Owner) -> None:
    code, report = owner.run_json("update", "--no-checks", "--data", "cache=false")
    assert (code, report["before"], report["after"]) == (0, FIRST, FIRST)
    assert not (owner / "app/cache.py").exists()


# ── The owner's renames and deletions ─────────────────────────────────────────────────────────────


def test_template_change_follows_file_that_user_renamed(owner: Owner) -> None:
    git(owner.directory, "mv", CI, "pipeline.yml")
    owner.edit("pipeline.yml", "steps:", "steps: # of ours")
    assert owner.run_json("status")[1]["renamed"] == {CI: "pipeline.yml"}
    code, report = owner.run_json("update", "--no-checks", "--to", SECOND)
    assert (code, report["followed"]) == (0, {CI: "pipeline.yml"})
    assert "test: quick" in owner.read("pipeline.yml")
    assert "# of ours" in owner.read("pipeline.yml")


def test_file_that_user_deleted_stays_deleted_and_is_reported(owner: Owner) -> None:
    git(owner.directory, "rm", "-q", CI)
    owner.commit("Delete")
    code, report = owner.run_json("update", "--no-checks")
    assert (code, report["left_deleted"], (owner / CI).exists()) == (0, [CI], False)


def test_update_is_rejected_if_import_does_not_resolve(owner: Owner) -> None:
    owner.commit_new("app/own.py", "from app.greetings import __doc__ as greeting\nfrom app import cache\n")
    code, report = owner.run_json("update", "--no-checks", "--data", "cache=false", "--to", THIRD)
    assert code == 1
    assert report["faults"] == ["app/own.py: app has no cache", "app/own.py: there is no module app.greetings"]


def test_keep_option_preserves_edited_file_that_template_drops(owner: Owner) -> None:
    owner.edit("app/greetings.py", "Greetings.", "Greetings of ours.")
    code, report = owner.run_json("update", "--no-checks", "--keep", "app/greetings.py")
    assert (code, report["applied"]) == (0, True)
    assert "ours" in owner.read("app/greetings.py")
    assert owner.run_json("status")[0] == 0


# ── Undo ──────────────────────────────────────────────────────────────────────────────────────────


def test_undo_reverts_commit_that_also_has_other_work(owner: Owner) -> None:
    record = owner.read(".copier-answers.yml").replace("Shop", "Other shop")
    write(owner.directory, {"work.py": "WORK = 1\n", ".copier-answers.yml": record})
    owner.commit("Much work, and an answer")
    lost = owner.head
    code, report = owner.run_json("undo")
    assert (code, report["by"]) == (0, "revert")
    git(owner.directory, "reset", "--keep", "--quiet", report["back"])
    assert (owner.head, owner.read("work.py")) == (lost, "WORK = 1\n")


def test_undo_reverts_amended_update(owner: Owner) -> None:
    assert owner.run("update", "--no-checks").returncode == 0
    write(owner.directory, {"work.py": "WORK = 1\n"})
    git(owner.directory, "add", "--all")
    git(owner.directory, "commit", "--quiet", "--amend", "--no-edit")
    assert owner.run_json("undo")[1]["by"] == "revert"


def test_undo_prints_command_that_restores_update(owner: Owner) -> None:
    assert owner.run("update", "--no-checks").returncode == 0
    updated = owner.head
    completed = owner.run("undo")
    assert f"git reset --keep {updated[:12]}" in completed.stdout
    git(owner.directory, "reset", "--keep", "--quiet", updated[:12])
    assert owner.read(".copier-answers.yml").count(THIRD) == 1


# ── Monorepos ─────────────────────────────────────────────────────────────────────────────────────


def test_monorepo_service_update_changes_no_other_file(template: Path, empty: Path) -> None:
    owner = create_service(template, empty / "services" / "shop")
    (owner / ".git").rename(empty / ".git")
    (owner / ".copier-answers.yml").rename(owner / "template.yml")
    write(empty, {"other.txt": "theirs\n"})
    Owner(empty).commit("Move")
    write(empty, {"other.txt": "theirs, in work\n"})
    named = ("--answers-file", "template.yml")
    code, report = owner.run_json("update", "--no-checks", *named)
    assert (code, report["applied"]) == (0, True)
    assert (empty / "other.txt").read_text(encoding="utf-8") == "theirs, in work\n"
    assert git(empty, "status", "--porcelain") == " M other.txt\n"
    assert "checkout: 5" in owner.read(CI)
    assert not (empty / CI).exists()
    assert owner.run_json("status", *named)[0] == 0


# ── Errors ────────────────────────────────────────────────────────────────────────────────────────


def break_version(owner: Owner) -> None:
    owner.edit(".copier-answers.yml", FIRST, "v0.0.1")


def break_source(owner: Owner) -> None:
    owner.edit(".copier-answers.yml", "small template", "no template")


def make_source_relative(owner: Owner) -> None:
    owner.edit(".copier-answers.yml", yaml.safe_load(owner.read(".copier-answers.yml"))["_src_path"], ".")


def break_record(owner: Owner) -> None:
    (owner / ".copier-answers.yml").unlink()


def break_repository(owner: Owner) -> None:
    shutil.rmtree(owner / ".git")


DEFECTS = {
    "v0.0.1": break_version,
    "no template": break_source,
    "`_src_path: .` in .copier-answers.yml is a relative path": make_source_relative,
    "--answers-file": break_record,
    "git init": break_repository,
}


@pytest.mark.parametrize(("word", "make_defect"), DEFECTS.items(), ids=DEFECTS)
def test_unreadable_service_reports_one_error(word: str, make_defect: Callable[[Owner], None], owner: Owner) -> None:
    make_defect(owner)
    code, report = owner.run_json("status")
    assert code == 2
    assert word in report["error"]


def test_invalid_update_arguments_are_rejected(owner: Owner) -> None:
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


def test_fleet_report_changes_no_service(template: Path, empty: Path) -> None:
    old, new = create_service(template, empty / "<old>"), create_service(template, empty / "new", THIRD)
    old.edit(LIMITS, "RATE = 20", "RATE = 7")
    before = tree(empty)
    index = (old / ".git/index").read_bytes()
    directories = [str(each) for each in (old.directory, new.directory, empty / "none")]
    page = empty.with_suffix(".html")
    completed = new.run("fleet", *directories, "--html", str(page), "--json")
    heads, first, second, third, *_ = completed.stderr.splitlines()
    assert heads.split()[:2] == ["service", "version"]
    assert first.split()[-6:] == [FIRST, THIRD, "2", "1", "0", "0"]
    assert second.split()[-6:] == [THIRD, THIRD, "0", "0", "0", "0"]
    assert "There is no directory" in third
    assert completed.returncode == 2
    services = json.loads(completed.stdout)["services"]
    assert [each["service"] for each in services] == directories
    assert [each.get("yours") for each in services] == [[LIMITS], [], None]
    shown = page.read_text(encoding="utf-8")
    assert "&lt;old&gt;" in shown
    assert "<old>" not in shown
    assert "<script" not in shown
    assert "http" not in shown
    assert (tree(empty), (old / ".git/index").read_bytes()) == (before, index)


# ── By uv ─────────────────────────────────────────────────────────────────────────────────────────


def uv(owner: Owner, *arguments: str, directory: str = ".") -> Run:
    environment = dict(os.environ)
    environment.pop("VIRTUAL_ENV", None)
    return run_command(["uv", "run", *arguments], owner / directory, environment, 300)


def test_slipway_script_rejects_update_after_failing_test(owner: Owner) -> None:
    """The script runs without Copier in the service's environment; the test fails only after the update."""
    head = "from app import limits\n\n\n"
    test = head + "def test_limits_have_no_timeout() -> None:\n    assert not hasattr(limits, 'TIMEOUT')\n"
    write(owner.directory, {"tests/__init__.py": ""})
    owner.commit_new("tests/test_timeout.py", test.replace("'", '"'))
    start = owner.head
    status = uv(owner, "slipway.py", "status")
    assert status.returncode == 1, status.stdout
    assert f"2 releases behind {THIRD}" in status.stdout
    rejected = uv(owner, "slipway.py", "update")
    assert rejected.returncode == 1, rejected.stdout
    assert '`uv run pytest -q -m "not drill"` fails' in rejected.stdout
    assert owner.head == start
    write(owner.directory / ".dev/update/tree", {"tests/test_timeout.py": test.replace("'", '"').replace("not ", "")})
    applied = uv(owner, "slipway.py", "update", "--continue")
    assert applied.returncode == 0, applied.stdout
    assert git(owner.directory, "rev-parse", "HEAD^").strip() == start
    assert git(owner.directory, "ls-files", "uv.lock") == ""


def test_slipway_script_runs_in_subdirectory_and_with_broken_project(owner: Owner) -> None:
    (owner / "pyproject.toml").write_text("[project\n", encoding="utf-8")
    status = uv(owner, "../slipway.py", "status", "--json", directory="app")
    assert status.returncode == 1, status.stdout
    assert '"yours": [\n    "pyproject.toml"\n  ]' in status.stdout
    assert not (owner / ".venv").exists()


SOURCES = {
    "/srv/template": "git+file:///srv/template",
    "~/no such template": "git+file://{home}/no%20such%20template",
    "https://example.com/t.git": "git+https://example.com/t.git",
    "git+https://example.com/t": "git+https://example.com/t",
    "git@example.com:acme/t.git": "git+ssh://git@example.com/acme/t.git",
    "ssh://git@example.com/t.git": "git+ssh://git@example.com/t.git",
    "gh:acme/t": "git+https://github.com/acme/t",
    "gl:acme/t.git": "git+https://gitlab.com/acme/t.git",
    "file:///srv/t.git": "git+file:///srv/t.git",
}


@pytest.mark.parametrize(("recorded", "expected"), SOURCES.items(), ids=SOURCES)
def test_slipway_script_runs_package_from_recorded_source(
    recorded: str, expected: str, owner: Owner, tmp_path: Path
) -> None:
    record = owner.read(".copier-answers.yml")
    source = yaml.safe_load(record)["_src_path"]
    (owner / ".copier-answers.yml").write_text(record.replace(source, recorded), encoding="utf-8")
    write(tmp_path, {"bin/uvx": '#!/bin/sh\nprintf "%s\\n" "$@"\n'})
    (tmp_path / "bin" / "uvx").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": "/home/owner"}
    run = run_command([sys.executable, "slipway.py", "status", "--json"], owner.directory, environment, 60)
    requirement = f"slipway @ {expected.format(home='/home/owner')}"
    assert run.stdout.splitlines() == [
        "--from",
        requirement,
        "slipway",
        "--service",
        str(owner.directory),
        "status",
        "--json",
    ]


def test_slipway_script_runs_package_from_local_directory(owner: Owner, template: Path, tmp_path: Path) -> None:
    write(tmp_path, {"bin/uvx": '#!/bin/sh\necho "$2"\n'})
    (tmp_path / "bin" / "uvx").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    run = run_command([sys.executable, "slipway.py"], owner.directory, environment, 60)
    assert run.stdout == f"slipway @ {template.as_uri()}\n"
