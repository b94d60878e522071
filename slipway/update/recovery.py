"""Fast-forward a service's branch to an update's commit, and recover if that was interrupted.

`git merge --ff-only` writes files, then the index, then the branch. A process that is killed in between leaves files
of both commits. They are distinguished from edits by their content: a file is at the old commit, at the new one, or
missing or truncated because it was being written.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from slipway.console import echo
from slipway.errors import CommandError
from slipway.git import WITHOUT_HOOKS, git, names, query, run_git
from slipway.service.checkout import parse_record
from slipway.trees import Objects
from slipway.update import worktree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slipway.service.checkout import Service
    from slipway.update.worktree import Note

PATIENCE = 3.0  # seconds for another process to release the index


def describe(service: Service, note: Note) -> str:
    """Describe an unfinished update, with the commands that finish or discard it."""
    version = note.after if note.before != note.after else f"other answers at {note.after}"
    ways = "finish it by `uv run slipway.py update --continue`, or discard it by `uv run slipway.py update --abort`."
    if note.phase == "waiting":
        tree = worktree.tree_of(service).relative_to(service.directory)
        return f"An update to {version} is waiting in {tree}: {ways}"
    what = f"An update to {version}" if note.action == "update" else f"The undo of the update to {note.before}"
    if service.head == note.commit:
        return f"{what} was interrupted after it was committed: `uv run slipway.py update --continue`."
    return f"{what} was interrupted while its files were written: {ways}"


def fast_forward(service: Service, parent: str, commit: str) -> None:
    """Fast-forward the current branch from the commit `parent` to `commit`."""
    if service.head != parent:
        raise CommandError(f"HEAD is no longer {parent[:12]}: there are new commits, or another branch is checked out")
    # --no-overwrite-ignore: Git would overwrite ignored files. HEAD is checked: other branches could be forwarded, too.
    git(service.directory, *WITHOUT_HOOKS, "merge", "--ff-only", "--no-overwrite-ignore", "--quiet", commit)


def obstacles(service: Service, before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Return the paths of new files where an uncommitted file, tracked or ignored, already exists."""
    known = {*before}
    added = [path for path in after if path not in known]
    places = {path: service.directory / path for path in added}
    return [path for path, place in places.items() if os.path.lexists(place) and not place.is_dir()]


def finish(service: Service, note: Note) -> None:
    """Finish an update that was interrupted while it wrote files."""
    if service.head == note.start:
        write_files(service, note, note.commit)
    elif service.head != note.commit:
        raise moved_on(note)
    else:
        write_files(service, note, note.commit)
    worktree.remove(service)


def restore(service: Service, note: Note) -> None:
    """Restore the files as they were before an interrupted update."""
    if service.head == note.commit:
        raise CommandError(f"The {note.action} is committed already: finish it by --continue, then go back by `undo`.")
    if service.head != note.start:
        raise moved_on(note)
    write_files(service, note, note.start)


def moved_on(note: Note) -> CommandError:
    """Return an error if HEAD is neither the old nor the new commit of an interrupted update."""
    return CommandError(
        f"HEAD is neither {note.start[:12]}, where the update started, nor {note.commit[:12]}, where it ends:"
        f" check out one of them first."
    )


def write_files(service: Service, note: Note, target: str) -> None:
    """Reset index, files and branch to one commit of the update, unless a file was edited since it was interrupted."""
    root = service.root
    release_index(service)
    changed = names(git(root, "diff", "--name-only", "--no-renames", "-z", note.start, note.commit))
    if edited := [path for path in changed if is_edited(root, note, path)]:
        raise CommandError(
            f"Edited since the update was interrupted: {', '.join(edited)}. Copy your edits elsewhere, restore the"
            f" files by `git checkout {note.start[:12]} -- FILE`, and run the command again."
        )
    existing = [path for path in changed if query(root, "cat-file", "-e", f"{target}:{path}") is not None]
    for path in changed:  # deletions first: a file may have become a directory
        if path not in existing:
            git(root, "--literal-pathspecs", "rm", "--quiet", "--cached", "--ignore-unmatch", "--", path)
            remove_file(root, path)
    if existing:
        arguments = ("--literal-pathspecs", *WITHOUT_HOOKS, "restore", f"--source={target}", "--staged", "--worktree")
        listed = "".join(f"{path}\0" for path in existing).encode(errors="surrogateescape")
        git(root, *arguments, "--pathspec-from-file=-", "--pathspec-file-nul", stdin=listed)
    if service.head != target:
        git(root, "update-ref", "-m", "slipway update", "HEAD", target, service.head)


def remove_file(root: Path, path: str) -> None:
    """Remove a file and then its empty parent directories; ignore a path that is no longer a file."""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        (root / path).unlink()
    for parent in PurePosixPath(path).parents[:-1]:
        with suppress(OSError):
            (root / parent).rmdir()


def is_edited(root: Path, note: Note, path: str) -> bool:
    """Return whether a file was edited by hand after the update was interrupted.

    A missing or partly written file does not count as edited.
    """
    file = root / path
    if not file.is_file() or file.is_symlink():
        return False
    blob = git(root, "hash-object", f"--path={path}", "--", str(file)).strip()
    sides = [
        query(root, "rev-parse", "--verify", "--quiet", f"{commit}:{path}") for commit in (note.start, note.commit)
    ]
    if blob in {side.decode().strip() for side in sides if side}:
        return False
    new = query(root, "cat-file", "--filters", f"{note.commit}:{path}") or b""
    return not new.startswith(file.read_bytes())


def release_index(service: Service) -> None:
    """Wait until other processes release Git's index.lock, and remove it if it is stale."""
    file = Path(git(service.directory, "rev-parse", "--path-format=absolute", "--git-path", "index.lock").strip())
    deadline = time.monotonic() + PATIENCE
    while file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    if file.exists():
        file.unlink(missing_ok=True)
        echo(f"Removed {file}, a stale lock of the interrupted update.")


def require_worktree(service: Service, note: Note) -> None:
    """Raise `CommandError` if the update's work tree is missing or its answers file has another version."""
    directory = worktree.tree_of(service) / service.prefix
    if not directory.is_dir():
        raise CommandError("The work tree of the update is missing: discard the update by --abort, and run it again.")
    file = directory / service.answers_file
    if not file.is_file():
        objects = Objects(service.directory)
        file.write_bytes(objects.content(objects.tree(note.trees["merged"])[service.answers_file].blob))
        echo(f"Restored {service.answers_file} in the work tree.")
    recorded = str(parse_record(file.read_bytes(), service.answers_file)["_commit"])
    if recorded != note.after:
        raise CommandError(
            f"{service.answers_file} in the work tree records {recorded}, but the files are those of {note.after}:"
            f" write `_commit: {note.after}`, or discard the update by --abort."
        )


def rebased(service: Service, note: Note, objects: Objects, root: str) -> str:
    """Rebase a resolved update onto new commits of the branch, and return the resulting tree.

    Raises:
        CommandError: another branch is checked out, or the changes conflict.
    """
    head = service.head
    if query(service.directory, "merge-base", "--is-ancestor", note.start, head) is None:
        raise CommandError(
            f"The update started at {note.start[:12]}, which HEAD does not contain: check out its branch, or discard"
            " the update by --abort, and run it again."
        )
    resolved = objects.commit(root, note.start)
    done = run_git(service.directory, "merge-tree", "--write-tree", "--name-only", "-z", head, resolved)
    if done.returncode:
        files = ", ".join(names(done.stdout.decode(errors="surrogateescape").partition("\0\0")[0])[1:])
        raise CommandError(
            f"The branch has new commits that conflict with the update in {files}: discard it by --abort, and run it"
            " again."
        )
    return done.stdout.decode().partition("\0")[0]


def require_faultless(faults: list[str]) -> None:
    """Raise `CommandError` if a rebased update has faults, such as unresolved imports."""
    if faults:
        raise CommandError(
            f"The branch has new commits that are incompatible with the update: {'; '.join(faults)}. Discard it by"
            " --abort, and run it again."
        )
