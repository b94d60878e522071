"""Users switch branches, commit and leave files uncommitted during a pending or running update."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.harness.combinations.rendering import render
from tests.harness.updates.owner_repository import (
    FIRST,
    SECOND,
    Owner,
    create_service,
    create_template,
    write,
)
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.thorough

CI, PHRASES, OWN = "ci.yml", "app/phrases.py", "own.txt"  # `PHRASES` is new in the last release
SWAPPED = "v2.1.0", "v2.2.0"
UPDATE = ("update", "--no-checks", "--no-migration")
CONTINUE = ("update", "--continue", "--no-checks")
# Run the command, and do something at the moment when the branch would be forwarded.
AT_FORWARD = """\
import os, subprocess, sys
from slipway import cli
from slipway.update import recovery
forward = recovery.fast_forward
def interrupted(service, *commits):
    {}
    forward(service, *commits)
recovery.fast_forward = interrupted
sys.exit(cli.main(sys.argv[1:]))
"""
# Run the command with one check, which writes a report.
AT_CHECK = """\
import sys
from slipway import cli
from slipway.update import preparation
preparation.run_checks = lambda directory, *_: (directory / "report.xml").write_text("") or ""
sys.exit(cli.main(sys.argv[1:]))
"""
# Run the command, and kill it during `git reset`: its files are written, the branch is not moved.
AT_RESET = """\
import os, subprocess, sys
from slipway import cli
from slipway.commands import undo
run = undo.git
def git(directory, *arguments, **options):
    if "reset" in arguments:
        subprocess.run(["git", "read-tree", "-mu", arguments[-1]])
        os._exit(9)
    return run(directory, *arguments, **options)
undo.git = git
sys.exit(cli.main(sys.argv[1:]))
"""
KILL = "os._exit(9)"
SWITCH = "subprocess.run(['git', 'switch', '--quiet', 'main'], check=True)"


@pytest.fixture(scope="module")
def template(workspace: Path) -> Path:
    directory = workspace / "template of waiting updates"
    create_template(directory)
    write(directory, {"template/manual": "One file.\n", "template/guide/start.md": "Start.\n"})
    commit(directory, SWAPPED[0])
    (directory / "template/manual").unlink()
    (directory / "template/guide/start.md").unlink()
    (directory / "template/guide").rmdir()
    write(directory, {"template/manual/start.md": "Start.\n", "template/guide": "One file.\n"})
    commit(directory, SWAPPED[1])
    return directory


@pytest.fixture
def owner(template: Path, empty: Path) -> Owner:
    return create_service(template, empty)


def run_at_forward(owner: Owner, action: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", AT_FORWARD.format(action), *arguments]
    return subprocess.run(command, cwd=owner.directory, capture_output=True, text=True, check=False)


def run_at_check(owner: Owner, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", AT_CHECK, *arguments]
    return subprocess.run(command, cwd=owner.directory, capture_output=True, text=True, check=False)


def reject(owner: Owner) -> None:
    """Start an update that is rejected for a conflict, and resolve the conflict."""
    owner.edit(CI, "test: all", "test: ours")
    assert owner.run(*UPDATE, "--to", SECOND).returncode == 1
    write(owner / ".dev/update/tree", {CI: owner.read(CI)})


# ── Files that are not committed ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("ignored", ["*.log\n", "phrases.py\n"])
def test_update_does_not_overwrite_uncommitted_file(ignored: str, owner: Owner) -> None:
    write(owner.directory, {".gitignore": owner.read(".gitignore") + ignored})
    owner.commit("Ignore")
    start = owner.head
    write(owner.directory, {PHRASES: "Ours.\n"})
    rejected = owner.run(*UPDATE)
    assert (rejected.returncode, f"{PHRASES} exists uncommitted" in rejected.stderr) == (1, True)
    assert (owner.read(PHRASES), owner.head) == ("Ours.\n", start)
    assert owner.run(*CONTINUE).returncode == 1
    (owner / PHRASES).unlink()
    assert owner.run(*CONTINUE).returncode == 0
    assert 'YES = "yes"' in owner.read(PHRASES)


# ── Branches and commits ──────────────────────────────────────────────────────────────────────────────────────────────
def test_update_is_not_continued_on_other_branch(owner: Owner) -> None:
    git(owner.directory, "switch", "--create", "feature")
    owner.commit_new(OWN, "Ours.\n")
    reject(owner)
    git(owner.directory, "switch", "main")
    start = owner.head
    refused = owner.run(*CONTINUE)
    assert (refused.returncode, "which HEAD does not contain" in refused.stderr, owner.head) == (2, True, start)
    git(owner.directory, "switch", "feature")
    assert owner.run(*CONTINUE).returncode == 0


def test_continued_update_does_not_restore_dropped_commit(owner: Owner) -> None:
    owner.commit_new(OWN, "Ours.\n")
    reject(owner)
    git(owner.directory, "reset", "--hard", "HEAD~2")
    assert owner.run(*CONTINUE).returncode == 2
    assert not (owner / OWN).exists()


def test_update_does_not_forward_branch_after_switch(owner: Owner) -> None:
    start = owner.head
    git(owner.directory, "switch", "--create", "feature")
    owner.commit_new(OWN, "Ours.\n")
    refused = run_at_forward(owner, SWITCH, *UPDATE)
    assert (refused.returncode, "HEAD is no longer" in refused.stderr) == (2, True)
    assert (git(owner.directory, "rev-parse", "main").strip(), (owner / ".dev").exists()) == (start, False)


@pytest.mark.parametrize("way", ["--continue", "--abort"])
def test_update_killed_after_new_commits_is_recovered(way: str, owner: Owner) -> None:
    reject(owner)
    owner.commit_new(OWN, "Ours.\n")
    start = owner.head
    assert run_at_forward(owner, KILL, *CONTINUE).returncode == 9
    assert owner.run("update", way).returncode == 0
    assert owner.head == start or git(owner.directory, "rev-parse", "HEAD^").strip() == start
    assert (owner / OWN).is_file()
    assert git(owner.directory, "status", "--porcelain") == ""


def test_continued_update_is_rejected_if_new_commit_breaks_import(owner: Owner) -> None:
    owner.edit(CI, "checkout: 4", "checkout: ours")
    assert owner.run(*UPDATE).returncode == 1
    write(owner / ".dev/update/tree", {CI: owner.read(CI)})
    owner.commit_new("app/ours.py", "from app.words import YES\n")  # moved by the update
    start = owner.head
    refused = owner.run(*CONTINUE)
    assert (refused.returncode, "there is no module app.words" in refused.stderr, owner.head) == (2, True, start)


@pytest.mark.parametrize(("way", "version"), [("--continue", FIRST), ("--abort", SECOND)])
def test_killed_undo_is_recovered(way: str, version: str, owner: Owner) -> None:
    assert owner.run(*UPDATE, "--to", SECOND).returncode == 0
    command = [sys.executable, "-P", "-c", AT_RESET, "undo"]
    assert subprocess.run(command, cwd=owner.directory, check=False).returncode == 9
    assert "The undo of the update" in str(owner.run_json("status")[1]["unfinished"])
    assert owner.run("update", way).returncode == 0
    assert f"_commit: {version}" in owner.read(".copier-answers.yml")
    assert git(owner.directory, "status", "--porcelain") == ""


@pytest.mark.parametrize(("existing", "branch"), [("template", "template/update"), ("template/a", "template")])
def test_update_to_branch_that_cannot_be_created_is_rejected(existing: str, branch: str, owner: Owner) -> None:
    git(owner.directory, "branch", existing)
    refused = owner.run("update", "--branch", branch)
    assert (refused.returncode, f"The branch {existing} exists" in refused.stderr) == (2, True)


def test_update_during_merge_is_rejected(owner: Owner) -> None:
    git(owner.directory, "switch", "--quiet", "--create", "other")
    git(owner.directory, "commit", "--allow-empty", "--message", "Empty")
    git(owner.directory, "switch", "--quiet", "-")
    git(owner.directory, "merge", "--no-ff", "--no-commit", "other")
    refused = owner.run(*UPDATE)
    assert (refused.returncode, "A merge is in progress" in refused.stderr) == (2, True)


# ── The work tree ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_continued_update_restores_removed_answers_file(owner: Owner) -> None:
    reject(owner)
    (owner / ".dev/update/tree/.copier-answers.yml").unlink()
    assert owner.run(*CONTINUE).returncode == 0
    assert f"_commit: {SECOND}" in owner.read(".copier-answers.yml")


def test_continued_update_rejects_answers_file_with_other_version(owner: Owner) -> None:
    reject(owner)
    git(owner / ".dev/update/tree", "checkout", "HEAD", "--", ".copier-answers.yml")
    refused = owner.run(*CONTINUE)
    assert (refused.returncode, f"records {FIRST}, but" in refused.stderr) == (2, True)


def test_files_written_by_checks_are_not_committed(owner: Owner) -> None:
    completed = run_at_check(owner, "update")
    assert completed.returncode == 0, completed.stderr
    assert "report.xml" not in git(owner.directory, "ls-files")


# ── Trees ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_update_swaps_file_and_directory(template: Path, empty: Path) -> None:
    owner = create_service(template, empty, SWAPPED[0])
    assert owner.run(*UPDATE).returncode == 0
    assert (owner.read("guide"), owner.read("manual/start.md")) == ("One file.\n", "Start.\n")


@pytest.mark.parametrize("way", ["--continue", "--abort"])
@pytest.mark.parametrize("action", [KILL, "subprocess.run(['git', 'read-tree', '-mu', commits[-1]]); os._exit(9)"])
def test_killed_update_that_swaps_file_and_directory_is_recovered(
    action: str, way: str, template: Path, empty: Path
) -> None:
    owner = create_service(template, empty, SWAPPED[0])
    run_at_forward(owner, action, *UPDATE)
    assert owner.run("update", way).returncode == 0
    assert (owner / "guide").is_file() == (way == "--continue")
    assert (owner / "manual/start.md").is_file() == (way == "--continue")
    assert git(owner.directory, "status", "--porcelain") == ""


def test_conflict_in_sha256_repository_is_resolved(template: Path, empty: Path) -> None:
    render(template, empty, {}, FIRST)
    git(empty, "init", "--object-format=sha256")
    owner = Owner(empty)
    owner.commit("Start")
    reject(owner)
    assert owner.run(*CONTINUE).returncode == 0


def test_update_with_symlinked_answers_file_is_rejected(owner: Owner) -> None:
    (owner / ".copier-answers.yml").rename(owner / "answers.yml")
    (owner / ".copier-answers.yml").symlink_to("answers.yml")
    owner.commit("Link")
    refused = owner.run(*UPDATE)
    assert (refused.returncode, "is a symbolic link" in refused.stderr) == (2, True)


# ── Undo ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_undo_with_staged_file_is_rejected(owner: Owner) -> None:
    assert owner.run(*UPDATE).returncode == 0
    head = owner.head
    write(owner.directory, {OWN: "Ours.\n"})
    git(owner.directory, "add", OWN)
    refused = owner.run("undo")
    assert (refused.returncode, OWN in refused.stderr, owner.head) == (2, True, head)
    assert git(owner.directory, "status", "--porcelain") == f"A  {OWN}\n"


def test_undo_reverts_update_that_was_applied_again(owner: Owner) -> None:
    assert owner.run(*UPDATE).returncode == 0
    owner.commit_new(OWN, "Ours.\n")
    assert owner.run("undo").returncode == 0
    git(owner.directory, "revert", "--no-edit", "HEAD")
    assert owner.run("undo").returncode == 0
    assert FIRST in owner.read(".copier-answers.yml")
    assert owner.run("undo").returncode == 2


# ── Status ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_converted_line_endings_do_not_count_as_edits(owner: Owner) -> None:
    owner.commit_new(".gitattributes", "* text=auto eol=crlf\n")
    git(owner.directory, "rm", "-r", "--cached", "--quiet", ".")
    git(owner.directory, "reset", "--hard", "--quiet")
    assert b"\r\n" in (owner / CI).read_bytes()
    assert owner.run_json("status")[1]["yours"] == []


def test_renamed_template_default_branch_is_followed(template: Path, owner: Owner, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(template), str(remote))
    for tag in git(remote, "tag").split():
        git(remote, "tag", "--delete", tag)
    commits = git(remote, "rev-list", "main").split()
    git(remote, "branch", "--force", "main", commits[1])
    record = owner.read(".copier-answers.yml").replace(str(template), remote.as_uri())
    write(owner.directory, {".copier-answers.yml": record.replace(FIRST, commits[-1])})
    assert owner.run_json("status")[1]["newest"] == commits[1][:12]
    git(remote, "branch", "--move", "main", "trunk")
    git(remote, "branch", "--force", "trunk", commits[0])
    assert owner.run_json("status")[1]["newest"] == commits[0][:12]


# ── The command line ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_fleet_with_unwritable_page_reports_one_error(owner: Owner) -> None:
    completed = owner.run("fleet", ".", "--html", "/nonexistent/page.html")
    assert (completed.returncode, completed.stderr) == (2, "/nonexistent/page.html: No such file or directory.\n")


def test_update_output_is_encodable_as_latin_1(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    assert owner.run(*UPDATE).returncode == 0
