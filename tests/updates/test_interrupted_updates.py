"""Updates that are killed, or that fail for a full disk, a hook or a signing key, lose nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.harness.updates.owner_repository import FIRST, THIRD, Owner, create_service, create_template, write
from tests.harness.workspace import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

KILLS = 8
MANY = 20  # files that the update adds or changes, so that writing them takes a while
UPDATE = ("update", "--no-checks")
# Git runs the filter for each file that it writes, which makes writing as slow as rendering.
SLOW = "sleep 0.04; cat"


@pytest.fixture(scope="module")
def template(workspace: Path) -> Path:
    """A template whose last release changes many files."""
    directory = workspace / "template of many files"
    write(directory, {f"template/docs/{number}.txt": f"page {number}\n\nText.\n\nEnd.\n" for number in range(MANY)})
    create_template(directory)
    write(
        directory,
        {f"template/docs/{number}.txt": f"page {number}, changed\n\nText.\n\nEnd.\n" for number in range(0, MANY, 2)},
    )
    git(directory, "rm", "-q", *(f"template/docs/{number}.txt" for number in range(1, MANY, 4)))
    write(directory, {f"template/more/{number}.txt": "new\n" for number in range(MANY)})
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--amend", "--no-edit")
    git(directory, "tag", "--force", THIRD)
    return directory


@pytest.fixture(scope="module")
def original(template: Path, workspace: Path) -> Owner:
    """A service with edits that the update merges without conflicts; read-only."""
    owner = create_service(template, workspace / "edited service")
    owner.edit("app/limits.py", "SHAPES = 4", "SHAPES = 7")
    owner.edit("app/words.py", 'YES = "yes"', 'YES = "aye"')
    owner.edit("docs/2.txt", "End.", "Our end.")
    owner.commit_new("app/own.py", "from app import words\n\nAYE = words.YES\n")
    return owner


def copy(original: Owner, directory: Path) -> Owner:
    """Copy a service, and configure a Git filter that slows down writing files."""
    shutil.copytree(original.directory, directory, symlinks=True)
    owner = Owner(directory)
    write(owner.directory, {".git/info/attributes": "*.txt filter=slow\n"})
    git(directory, "config", "filter.slow.smudge", SLOW)
    return owner


@pytest.fixture(scope="module")
def expected(original: Owner, workspace: Path) -> str:
    """The Git tree that an update without interruption produces."""
    owner = copy(original, workspace / "uninterrupted")
    assert owner.run(*UPDATE).returncode == 0
    assert owner.read("app/own.py") == "from app import phrases\n\nAYE = phrases.YES\n"
    return owner.tree


def kill_update(owner: Owner, seconds: float) -> None:
    """Start an update, and kill it and the processes that it started."""
    command = [sys.executable, "-P", "-m", "slipway", *UPDATE]
    process = subprocess.Popen(
        command, cwd=owner.directory, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def duration(owner: Owner) -> float:
    """Return the duration of an update in seconds."""
    started = time.monotonic()
    assert owner.run(*UPDATE).returncode == 0
    return time.monotonic() - started


def is_clean(owner: Owner) -> bool:
    return not (owner / ".git" / "index.lock").exists() and git(owner.directory, "status", "--porcelain") == ""


def recover(owner: Owner, way: str, unfinished: str) -> None:
    """Complete or abort an interrupted update; one that is already committed can only be completed."""
    assert "interrupted" in unfinished
    is_too_late = "committed" in unfinished and way == "--abort"
    completed = owner.run("update", way)
    assert completed.returncode == (2 if is_too_late else 0), completed.stderr
    if is_too_late:
        assert owner.run("update", "--continue").returncode == 0


@pytest.mark.parametrize("way", ["--continue", "--abort"])
def test_killed_updates_lose_nothing(
    way: str, original: Owner, expected: str, empty: Path, note: Callable[[str], None]
) -> None:
    """Kill updates at random moments, recover with the option that `status` names, and update again."""
    seconds = duration(copy(original, empty / "measured"))
    moments = random.Random(way)  # noqa: S311 - reproducible
    states: dict[str, int] = {}
    for number in range(KILLS // 2):
        owner = copy(original, empty / f"killed {number}")
        start = owner.head
        kill_update(owner, moments.uniform(0, seconds))
        code, report = owner.run_json("status")
        assert code in {0, 1}
        state = "finished" if report["version"] == THIRD and not report["unfinished"] else "unchanged"
        if report["unfinished"]:
            state = "interrupted"
            recover(owner, way, report["unfinished"])
        states[state] = states.get(state, 0) + 1
        assert is_clean(owner), state
        assert owner.head == start or owner.tree == expected
        if owner.head == start:
            assert owner.run(*UPDATE).returncode == 0
        assert owner.tree == expected
        assert is_clean(owner)
        shutil.rmtree(owner.directory)
    note(f"Killed updates, then {way}: {states}")


def test_update_killed_while_writing_is_recovered(original: Owner, expected: str, empty: Path) -> None:
    owner = copy(original, empty)
    start = owner.head
    seconds = duration(copy(original, empty.with_name("measured once")))
    while "interrupted" not in str(owner.run_json("status")[1]["unfinished"]):
        seconds *= 0.98
        owner.run("update", "--abort")
        git(owner.directory, "reset", "--hard", "--quiet", start)
        kill_update(owner, seconds)
    (owner / "docs/2.txt").write_text("edited since\n", encoding="utf-8")
    rejected = owner.run("update", "--continue")
    assert (rejected.returncode, "docs/2.txt" in rejected.stderr) == (2, True)
    assert owner.read("docs/2.txt") == "edited since\n"
    (owner / "docs/2.txt").write_text("page 2\n\nText.\n\nOur end.\n", encoding="utf-8")
    assert owner.run("update", "--continue").returncode == 0
    assert owner.tree == expected


# ── What prevents a commit ────────────────────────────────────────────────────────────────────────────────────────────
def test_failing_hooks_do_not_stop_updates(original: Owner, expected: str, empty: Path) -> None:
    owner = copy(original, empty)
    for name in ("post-checkout", "post-merge", "pre-commit", "commit-msg", "reference-transaction"):
        hook = owner / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        hook.chmod(0o755)
    completed = owner.run(*UPDATE)
    assert completed.returncode == 0, completed.stderr
    assert owner.tree == expected


def test_failing_signature_is_reported_before_rendering(original: Owner, empty: Path) -> None:
    owner = copy(original, empty)
    git(owner.directory, "config", "commit.gpgSign", "true")
    git(owner.directory, "config", "gpg.program", "/bin/false")
    completed = owner.run(*UPDATE)
    assert completed.returncode == 2
    assert "Commits cannot be signed" in completed.stderr
    assert completed.stderr.count("\n") == 1
    assert completed.stdout == ""


def test_missing_identity_is_reported_before_rendering(
    original: Owner, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = copy(original, empty)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(owner.directory, "config", "user.useConfigOnly", "true")
    completed = owner.run(*UPDATE)
    assert (completed.returncode, completed.stdout) == (2, "")
    assert "user.email" in completed.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_update_on_full_disk_reports_one_error(original: Owner, empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update without space for temporary files leaves the branch unchanged."""
    small = empty.with_name("small disk")
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("this machine cannot mount file systems")
    try:
        owner = copy(original, empty)
        monkeypatch.setenv("TMPDIR", str(small))
        monkeypatch.setenv("SLIPWAY_CACHE_DIR", str(empty.with_name("cold cache")))
        completed = owner.run(*UPDATE)
        assert completed.returncode == 2
        assert "No space left on device" in completed.stderr
        assert "Traceback" not in completed.stderr
        assert is_clean(owner)
        assert FIRST in owner.read(".copier-answers.yml")
    finally:
        subprocess.run(["umount", str(small)], check=True)
