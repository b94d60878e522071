"""Undo a service's last update with `git reset` or `git revert`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from slipway.commands.update import TREE_TRAILER
from slipway.console import echo
from slipway.errors import CommandError, RejectedError
from slipway.git import WITHOUT_HOOKS, git, names, query
from slipway.service.checkout import parse_record
from slipway.service.history import commits
from slipway.update import recovery, worktree
from slipway.update.report import Report
from slipway.update.worktree import Note

if TYPE_CHECKING:
    from slipway.service.checkout import Service


def undo(service: Service) -> dict[str, str]:
    """Undo the last commit that changed the answers file.

    A commit of `update` that is checked out, unchanged and not pushed is removed from the branch. Any other one is
    reverted by a new commit, because it may contain the owner's work or be known to others.
    """
    service.require_clean()
    with worktree.lock(service):
        if note := worktree.note_of(service):
            raise CommandError(recovery.describe(service, note))
        last = next(iter(commits(service)), None)
        if last is None or service.committed(service.answers_file, f"{last}^") is None:
            raise CommandError("There is no update to undo: the answers file has never changed.")
        shown = git(service.directory, "show", "--no-patch", "--no-show-signature", "--format=%B", last)
        subject, _, body = shown.strip().partition("\n")
        if "This reverts commit" in body and not is_reapplied(subject):
            raise CommandError(f"The last update is undone already, by {last[:12]}: {subject}")
        require_unstaged(service)
        before = service.head
        if last == before and is_unchanged_update(service, last) and not is_pushed(service, last):
            remove(service, last)
            echo(f"Removed {last[:12]} from the branch: {subject}", f"Get it back by: git reset --keep {before[:12]}")
            return {"undone": last, "by": "reset", "back": before}
        revert(service, last)
        echo(f"Reverted {last[:12]} by a new commit: {subject}", f"Get it back by: git revert {service.head[:12]}")
        return {"undone": last, "by": "revert", "back": before}


def remove(service: Service, commit: str) -> None:
    """Reset the branch to the parent of an update's commit.

    During the reset, a note is stored: after an interruption, `update --continue` reads it to finish.
    """
    parent = git(service.directory, "rev-parse", f"{commit}^").strip()
    former = parse_record(service.committed(service.answers_file, parent) or b"", service.answers_file)
    report = Report(str(service.record["_commit"]), str(former["_commit"]))
    note = Note("writing", commit, report.before, report.after, parent, report=asdict(report), action="undo")
    worktree.write_note(service, note)
    try:
        git(service.directory, *WITHOUT_HOOKS, "reset", "--keep", "--quiet", parent)
    finally:
        worktree.remove(service)


def is_reapplied(subject: str) -> bool:
    """Return whether a commit's subject says that it applies a reverted commit again.

    Git writes `Reapply "…"`, or in old versions `Revert "Revert "…""`.
    """
    reverts = subject.split('Revert "')[:-1]
    is_even = len(reverts) % 2 == 0 and not any(reverts)
    return subject.startswith('Reapply "') or (bool(reverts) and is_even)


def require_unstaged(service: Service) -> None:
    """Raise `CommandError` if files are staged for commit.

    `git reset` would unstage them, and `git revert` would fail.
    """
    if staged := names(git(service.root, "diff", "--cached", "--name-only", "-z")):
        raise CommandError(f"Commit or unstage staged changes first: {', '.join(staged[:3])}.")


def is_unchanged_update(service: Service, commit: str) -> bool:
    """Return whether a commit was made by `update`, and not amended, rebased or squashed since."""
    trailer = f"%(trailers:key={TREE_TRAILER},valueonly)"
    options = ("--no-patch", "--no-show-signature", f"--format={trailer}")
    recorded = git(service.directory, "show", *options, commit).split()
    return recorded == [git(service.directory, "rev-parse", f"{commit}^{{tree}}").strip()]


def is_pushed(service: Service, commit: str) -> bool:
    """Return whether a branch of a remote repository contains a commit."""
    return bool(git(service.directory, "for-each-ref", "--contains", commit, "refs/remotes"))


def revert(service: Service, commit: str) -> None:
    """Revert a commit with `git revert`; raise `RejectedError` if it conflicts with later commits."""
    try:
        git(service.directory, "revert", "--no-edit", commit)
    except CommandError as error:
        is_conflict = bool(git(service.root, "ls-files", "--unmerged"))
        query(service.directory, "revert", "--abort")
        if not is_conflict:
            raise
        raise RejectedError(
            f"{commit[:12]} conflicts with later commits, which changed the same lines. Nothing was changed;"
            f" `git revert {commit[:12]}` shows the conflicts."
        ) from error
