"""Goes back to before the last update, by Git alone."""

from .errors import CommandError, RefusedError
from .history import commits
from .printing import say
from .repository import Service, asked, git


def undo(service: Service) -> dict[str, str]:
    """Take back the commit that changed the answers file last.

    Where nothing came after it, the branch goes back to before it, unless somebody else may have
    it; then, or where something did come after it, a new commit takes it back. Raises
    `CommandError` when there is none, or when the work tree has changes.
    """
    service.require_clean()
    last = next(iter(commits(service)), None)
    if last is None or service.committed(service.answers_file, f"{last}^") is None:
        raise CommandError("There is no update to undo: the record was never changed.")
    name = git(service.directory, "show", "--no-patch", "--format=%s", last).strip()
    if name.startswith("Revert "):
        raise CommandError(f"The last update is undone already, by {last[:12]}: {name}")
    if last == service.head and not is_shared(service, last):
        git(service.directory, "reset", "--keep", "--quiet", f"{last}^")
        say(f"The branch is where it was before {last[:12]}: {name}")
        return {"undone": last, "by": "reset"}
    revert(service, last)
    say(f"A new commit takes back {last[:12]}: {name}")
    return {"undone": last, "by": "revert"}


def is_shared(service: Service, commit: str) -> bool:
    """Say whether a branch of some remote has a commit."""
    return bool(git(service.directory, "for-each-ref", "--contains", commit, "refs/remotes"))


def revert(service: Service, commit: str) -> None:
    try:
        git(service.directory, "revert", "--no-edit", commit)
    except CommandError as error:
        asked(service.directory, "revert", "--abort")
        raise RefusedError(
            f"What came after {commit[:12]} changed the same lines, so that it cannot be taken back"
            f" by itself; nothing has changed. `git revert {commit[:12]}` shows where."
        ) from error
