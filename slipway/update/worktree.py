"""The Git work tree `.dev/update/tree`, in which an update is checked and its conflicts are resolved.

A note beside it, `update.json`, exists only while the update waits for its owner, or while its files are written to
the service. A work tree without a note is stale: its process was killed. The next update removes it.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from slipway.errors import CommandError
from slipway.git import WITHOUT_HOOKS, git, names, query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slipway.service.checkout import Service
    from slipway.trees import Entry

PLACE = Path(".dev", "update")
WITHOUT_FILTERS = {"GIT_LFS_SKIP_SMUDGE": "1"}


@dataclass
class Note:
    """The state of an unfinished update, stored so that it can be continued or discarded."""

    phase: Literal["waiting", "writing"]  # waiting: for its owner; writing: its files
    start: str  # the commit that was checked out
    before: str  # the recorded revision
    after: str  # the new revision
    commit: str = ""  # the finished commit, while writing
    branch: str | None = None
    given: list[str] = field(default_factory=list)  # questions that the owner answered
    trees: dict[str, str] = field(default_factory=dict)  # base, ours, theirs and merged
    report: dict[str, Any] = field(default_factory=dict)
    action: Literal["update", "undo"] = "update"
    message: str = ""  # of the commit, if it is not that of an update


def place_of(service: Service) -> Path:
    """Return the directory that contains the update's work tree and note."""
    return service.directory / PLACE


def tree_of(service: Service) -> Path:
    """Return the root directory of the update's work tree."""
    return place_of(service) / "tree"


def note_of(service: Service) -> Note | None:
    """Return the stored note of an unfinished update; None if there is none."""
    try:
        return Note(**json.loads((place_of(service) / "update.json").read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise CommandError(f"{PLACE}/update.json is damaged: remove {PLACE} to discard the update.") from error


def write_note(service: Service, note: Note) -> None:
    """Store the note of an unfinished update atomically."""
    place = make_place(service)
    written = place / "update.json.new"
    with written.open("w", encoding="utf-8") as file:
        json.dump(asdict(note), file, default=str)
        file.flush()
        os.fsync(file.fileno())
    written.replace(place / "update.json")


def make_place(service: Service) -> Path:
    """Create the directory for the update's work tree and note, which Git ignores."""
    place = place_of(service)
    place.mkdir(parents=True, exist_ok=True)
    (place / ".gitignore").write_text("*\n", "utf-8")
    return place


@contextmanager
def lock(service: Service) -> Iterator[None]:
    """Hold an exclusive lock on the repository; raise `CommandError` if another process holds it."""
    from filelock import FileLock, Timeout  # noqa: PLC0415 - imports asyncio, and `status` needs no lock

    directory = git(service.directory, "rev-parse", "--path-format=absolute", "--git-common-dir").strip()
    try:
        with FileLock(Path(directory, "slipway.lock"), timeout=0):
            yield
    except Timeout:
        raise CommandError("Another slipway process is changing this repository: wait until it ends.") from None


def create(service: Service, commit: str) -> Path:
    """Check a commit out into the update's work tree, and return the service's directory in it."""
    remove(service)
    make_place(service)
    tree = tree_of(service)
    command = (*WITHOUT_HOOKS, "worktree", "add", "--quiet", "--detach", str(tree), commit)
    git(service.directory, *command, env=WITHOUT_FILTERS)
    return tree / service.prefix


def show_conflicts(service: Service, stages: Mapping[str, Mapping[int, Entry]]) -> None:
    """Record the conflicts in the work tree's index, so that `git diff` and merge tools show them."""
    tree = tree_of(service)
    git(tree, *WITHOUT_HOOKS, "reset", "--quiet", "--soft", "HEAD^")
    lines = []
    for path, entries in stages.items():
        null = "0" * max(len(entry.blob) for entry in entries.values())  # as long as the repository's hashes
        lines.append(f"0 {null}\t{service.prefix}{path}\0")
        lines += [f"{entry.mode} {entry.blob} {stage}\t{service.prefix}{path}\0" for stage, entry in entries.items()]
    git(tree, "update-index", "-z", "--index-info", stdin="".join(lines).encode(errors="surrogateescape"))


def unmerged(service: Service) -> list[str]:
    """Return the conflicting files that have not been marked as resolved by `git add`."""
    directory = tree_of(service) / service.prefix
    lines = names(git(directory, "ls-files", "--unmerged", "-z"))
    return list(dict.fromkeys(line.partition("\t")[2] for line in lines))


def collect(service: Service) -> str:
    """Stage all files of the service in the work tree, and write the index as a Git tree.

    `uv.lock`, which `uv` creates when it runs the service's commands, is added only if the service has committed one.
    """
    directory = tree_of(service) / service.prefix
    is_locked = service.committed("uv.lock") is not None
    git(directory, "add", "--all", "--", ".", *([] if is_locked else [":(exclude)uv.lock"]))
    return git(directory, "write-tree").strip()


def collected(service: Service) -> str:
    """Write the index as a Git tree, without the files that checks created after `collect`."""
    return git(tree_of(service) / service.prefix, "write-tree").strip()


def clean(service: Service) -> None:
    """Remove untracked files that checks created, such as reports, because `collect` would stage them."""
    git(tree_of(service) / service.prefix, "clean", "--quiet", "--force", "-d", "--exclude=uv.lock", "--", ".")


def remove(service: Service) -> None:
    """Remove the update's work tree and note, if they exist."""
    place = place_of(service)
    (place / "update.json").unlink(missing_ok=True)
    query(service.directory, "worktree", "remove", "--force", "--force", str(tree_of(service)))
    shutil.rmtree(place, ignore_errors=True)
    query(service.directory, "worktree", "prune")
    with suppress(OSError):
        place.parent.rmdir()  # if nothing else is in it
