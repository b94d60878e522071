"""Where an update is tried: a work tree of its own under `.dev/update`, which Git ignores.

It stays there while the owner has something to decide, and what is under way is noted beside it.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import CommandError
from .repository import Service, asked, git

PLACE = Path(".dev", "update")
TREE, NOTE = "tree", "update.json"


@dataclass(frozen=True)
class Attempt:
    """An update that is under way."""

    given: list[str]  # the questions that the owner answered
    branch: str | None  # where the result is to be left; nothing for the current branch


def tree(service: Service) -> Path:
    return service.directory / PLACE / TREE


def under_way(service: Service) -> Attempt:
    """Read what is under way; raises `CommandError` when nothing is."""
    note = service.directory / PLACE / NOTE
    if not note.is_file():
        raise CommandError("No update is under way.")
    return Attempt(**json.loads(note.read_text("utf-8")))


def begin(service: Service, attempt: Attempt) -> Service:
    """Make the work tree and note what it is for; raises `CommandError` when there is one."""
    place = service.directory / PLACE
    if (place / NOTE).is_file():
        raise CommandError(
            "An update is under way: finish it by `uv run template update --continue`,"
            " or throw it away by `uv run template update --abort`."
        )
    remove(service)
    place.mkdir(parents=True)
    (place / ".gitignore").write_text("*\n", "utf-8")
    git(service.directory, "worktree", "add", "--quiet", "--detach", str(place / TREE), "HEAD")
    (place / NOTE).write_text(json.dumps(asdict(attempt)), "utf-8")
    return service.within(place / TREE)


def remove(service: Service) -> None:
    """Throw the work tree away, as far as there is one."""
    asked(service.directory, "worktree", "remove", "--force", "--force", str(tree(service)))
    shutil.rmtree(service.directory / PLACE, ignore_errors=True)
    asked(service.directory, "worktree", "prune")
    with suppress(OSError):
        (service.directory / PLACE.parent).rmdir()  # when nothing else is in it
