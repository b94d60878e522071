"""An update, all or nothing: tried in a work tree of its own, judged, checked, and then taken."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import copier

from . import checking, worktree
from .errors import CommandError, RefusedError
from .judging import LOCK, Judgement
from .printing import say
from .pristine import reason, render
from .releases import newest, releases
from .reporting import Report, reported, tell
from .repository import Service, asked, git
from .worktree import Attempt

PROJECT = "pyproject.toml"
NEXT = (
    "Nothing of this branch has changed. What was merged lies in {tree}:",
    "  mend it there, then    uv run template update --continue",
    "  or throw it away       uv run template update --abort",
)


@dataclass(frozen=True)
class Wish:
    """What the owner asks for."""

    to: str | None = None  # a version; the newest, if none
    answers: Mapping[str, Any] = field(default_factory=dict)
    delete: list[str] = field(default_factory=list)  # edited files that may go
    checks: bool = True
    branch: str | None = None
    is_asking: bool = False  # whether somebody sits at a terminal, to answer new questions


def update(service: Service, wish: Wish) -> Report:
    """Bring a version and answers into the service, or raise `RefusedError`."""
    record = service.record
    service.require_clean()
    if wish.branch:
        require_free(service, wish.branch)
    to = wish.to or latest(service)
    if to == record["_commit"] and not wish.answers:
        say(f"Nothing to do: the service is at {to}.")
        return Report(to, to)
    attempt = Attempt([*wish.answers], wish.branch)
    tried = worktree.begin(service, attempt)
    try:
        merge(tried, to, wish)
        return decide(service, tried, attempt, wish)
    except RefusedError:
        raise
    except BaseException:
        worktree.remove(service)
        raise


def latest(service: Service) -> str:
    """Name the newest release of the service's template."""
    record = service.record
    url = render(record, service.answers_file).url
    return newest(url, releases(url), record["_commit"])


def require_free(service: Service, branch: str) -> None:
    """Raise `CommandError` when no branch of this name can be made."""
    git(service.directory, "check-ref-format", "--branch", branch)
    if asked(service.directory, "rev-parse", "--verify", f"refs/heads/{branch}"):
        raise CommandError(f"There is a branch {branch} already: delete it, or name another.")


def merge(tried: Service, to: str, wish: Wish) -> None:
    """Let Copier update the work tree; raises `CommandError` when it cannot."""
    try:
        copier.run_update(
            tried.directory,
            data=dict(wish.answers),
            answers_file=tried.answers_file,
            vcs_ref=to,
            defaults=not wish.is_asking,
            overwrite=True,
            quiet=True,
            skip_answered=True,
            unsafe=True,
        )
    except Exception as error:
        raise CommandError(f"Copier cannot update to {to}: {reason(error)}") from error
    if unknown := sorted(wish.answers.keys() - tried.record.keys()):
        raise CommandError(f"The template asks no question named {', '.join(unknown)}.")


def resume(service: Service, wish: Wish) -> Report:
    """Take up an update that was refused, as its owner has mended it."""
    attempt = worktree.under_way(service)
    service.require_clean()
    tried = service.within(worktree.tree(service))
    return decide(service, tried, attempt, wish)


def abort(service: Service) -> None:
    """Throw away an update that was refused."""
    worktree.under_way(service)
    worktree.remove(service)
    say("The update is thrown away; nothing of this branch has changed.")


def decide(service: Service, tried: Service, attempt: Attempt, wish: Wish) -> Report:
    """Judge what was merged, and take it or leave it lying."""
    start = git(service.directory, "merge-base", service.head, tried.head).strip()
    judgement = Judgement(tried, start)
    report = reported(judgement, attempt.given, attempt.branch)
    report.tree = str(worktree.tree(service).relative_to(service.directory))
    tell(report)
    if reasons := objections(report, wish.delete) or stage(judgement):
        raise refused(report, reasons)
    if wish.checks:
        say("", "Checks")
        report.failed = checking.check(tried.directory)
    if report.failed:
        raise refused(report, [f"`{report.failed}` fails; its last words stand above"])
    commit(tried, report)
    return take(service, report, start)


def objections(report: Report, delete: list[str]) -> list[str]:
    """Say why an update is not to be taken as it is."""
    lost = [path for path in report.deleted if path not in delete]
    return [
        *(f"{path} has a conflict" for path in report.conflicts),
        *(f"{path} was edited and would be deleted; may it go? --delete {path}" for path in lost),
        *report.faults,
    ]


def refused(report: Report, reasons: list[str]) -> RefusedError:
    report.reasons = reasons
    lines = ["The update is refused:", *(f"  {reason}" for reason in reasons), *NEXT]
    return RefusedError("\n".join(lines).format(tree=report.tree), asdict(report))


def stage(judgement: Judgement) -> list[str]:
    """Stage what is to be committed, with a new lock where there is one; gives why that fails."""
    tried = judgement.service
    is_locked = judgement.had(LOCK) is not None
    others = [] if is_locked else [f":(exclude){LOCK}"]
    git(tried.directory, "add", "--all", "--", ".", *others)
    if is_locked and PROJECT in judgement.changed:
        if said := checking.fails(tried.directory, "uv lock"):
            say(said)
            return [f"`uv lock` cannot renew {LOCK}; its last words stand above"]
        git(tried.directory, "add", "--", LOCK)
    return []


def commit(tried: Service, report: Report) -> None:
    """Commit what was staged, if its owner has not; hooks are left out, for the checks were run."""
    if git(tried.directory, "diff", "--cached", "--name-only"):
        git(tried.directory, "commit", "--quiet", "--no-verify", "--message", message(report))
    report.commit = tried.head


def take(service: Service, report: Report, start: str) -> Report:
    """Bring the current branch or another one to the commit of the update."""
    if report.commit == start:
        worktree.remove(service)
        say("Nothing to do: the service is like that already.")
        return Report(report.before, report.after)
    if report.branch:
        git(service.directory, "branch", report.branch, str(report.commit))
    else:
        service.require_clean()
        forward(service, report)
    worktree.remove(service)
    report.tree, report.applied = None, True
    where = f"on {report.branch}" if report.branch else "here; `uv run template undo` goes back"
    say("", f"Done: {str(report.commit)[:12]} is {where}.")
    return report


def message(report: Report) -> str:
    if report.before == report.after:
        return f"Change answers to the template's questions at {report.after}"
    return f"Update the template from {report.before} to {report.after}"


def forward(service: Service, report: Report) -> None:
    """Bring the current branch to the commit of the update, which follows it."""
    try:
        git(service.directory, "merge", "--ff-only", "--quiet", str(report.commit))
    except CommandError as error:
        advice = f"if this branch has gone on since, run `git rebase {service.head[:12]}` there"
        raise refused(report, [str(error), advice]) from error
