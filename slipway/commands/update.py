"""Update a service to another template version or to other answers, completely or not at all.

Copier renders the recorded version and the new one, Git merges the difference into the service's commit, and the
result is verified and checked in a work tree of its own. The branch changes last, by a fast-forward to one commit.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slipway.console import echo, plural
from slipway.errors import CommandError, RejectedError
from slipway.git import git, query, require_version
from slipway.merge.three_way import Sides
from slipway.merge.verification import conflicted_paths, faults_of_merge, lost_edits
from slipway.trees import Objects, Tree
from slipway.update import migration, recovery, worktree
from slipway.update.preparation import prepare, require_space
from slipway.update.proposal import Proposal, propose, resolve_dropped
from slipway.update.report import Report, print_done, print_report
from slipway.update.worktree import Note

if TYPE_CHECKING:
    from slipway.service.checkout import Service
    from slipway.update.request import Request

TRAILER, TREE_TRAILER = "Template-Update", "Template-Tree"
NEXT = """\
Your branch is unchanged. The merged files are in {tree}:
  resolve them there, then    uv run slipway.py update --continue
  or discard them             uv run slipway.py update --abort"""


def update(service: Service, request: Request) -> Report:
    """Update the service, or raise `RejectedError` and leave the merged files in a work tree."""
    require_version()
    service.require_clean()
    with worktree.lock(service):
        require_no_update(service)
        service.require_committable()
        require_space(service, request)
        if request.branch:
            require_free(service, request.branch)
        proposal = propose(service, request)
        if proposal is None:
            version = service.record["_commit"]
            echo(f"Nothing to do: the service is at {version}.")
            return Report(version, version)
        return decide(proposal, request)


def require_no_update(service: Service) -> None:
    """Raise `CommandError` if the service has an unfinished update, which was rejected or interrupted."""
    if note := worktree.note_of(service):
        raise CommandError(recovery.describe(service, note))


def require_free(service: Service, branch: str) -> None:
    """Raise `CommandError` if the branch exists or cannot be created, such as `a/b` beside a branch `a`."""
    git(service.directory, "check-ref-format", "--branch", branch)
    above = [str(parent) for parent in PurePosixPath(branch).parents[:-1]]
    below = git(service.directory, "for-each-ref", "--format=%(refname:short)", f"refs/heads/{branch}/").split()
    existing = [name for name in above if query(service.directory, "rev-parse", "--verify", f"refs/heads/{name}")]
    if conflicting := existing + below:
        raise CommandError(f"The branch {conflicting[0]} exists, so {branch} cannot be created: name another.")
    if query(service.directory, "rev-parse", "--verify", f"refs/heads/{branch}"):
        raise CommandError(f"The branch {branch} exists already: delete it, or name another.")


# ── Decide ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def decide(proposal: Proposal, request: Request) -> Report:
    """Verify a proposed update, check it in a work tree, and apply it.

    A rejected update stays in the work tree.
    """
    service, report, merged = proposal.service, proposal.report, proposal.merged
    resolve_dropped(merged, request)
    tree = proposal.tree
    changed = sum(proposal.ours.get(path) != tree.get(path) for path in proposal.ours.keys() | tree.keys())
    versions = f"{report.before} → {report.after}" if report.before != report.after else f"Answers at {report.after}"
    echo(f"{versions}: {plural(changed, 'file')} changed")
    report.deleted = merged.dropped
    report.conflicts = conflicted_paths(proposal.objects, merged.sides, tree, merged.stages)
    report.faults = faults_of_merge(proposal.objects, merged.sides, tree, report.conflicts)
    report.lost = lost_edits(proposal.objects, merged, {*merged.dropped, *request.delete})
    print_report(report)
    if tree == proposal.ours:
        echo("Nothing to do: the service has these files already.")
        return Report(report.before, report.after)
    reasons = objections(report, request)
    reasons += obstructions(service, report, proposal.ours, tree)
    if request.dry_run:
        return dry_run(proposal, tree, report, reasons)
    note = note_of_proposal(proposal, tree, request.message)
    if reasons or request.checks or (request.migration and migration.is_needed(proposal.ours, tree)):
        open_worktree(proposal, note)
        reasons = reasons or prepare(service, report, request, proposal.ours, tree)
        if reasons:
            raise rejected(service, note, report, reasons)
        commit = commit_tree(service, report, worktree.collected(service), proposal.start, request)
    else:
        root = proposal.objects.write(tree, proposal.start, service.prefix)
        commit = commit_tree(service, report, root, proposal.start, request)
    return apply(service, report, note, commit, proposal.start)


def dry_run(proposal: Proposal, tree: Tree, report: Report, reasons: list[str]) -> Report:
    """Print the update as a patch, without changing files or branches."""
    trees = (proposal.objects.write(proposal.ours), proposal.objects.write(tree))
    report.patch = git(proposal.service.directory, "diff", "--no-ext-diff", "--no-color", *trees)
    report.reasons = reasons
    echo("", report.patch.rstrip("\n"))
    if reasons:
        raise RejectedError("\n".join(["It would be rejected:", *(f"  {each}" for each in reasons)]), asdict(report))
    return report


def objections(report: Report, request: Request) -> list[str]:
    """Return the reasons to reject an update, such as conflicts, undecided deletions and lost edits."""
    undecided = [path for path in report.deleted if path not in (*request.delete, *request.keep)]
    return [
        *(f"{path} has a conflict" for path in report.conflicts),
        *(
            f"{path} was edited, and the template deletes it: --delete {path}, or --keep {path} as your own"
            for path in undecided
        ),
        *(f"{path}: edits are missing in the merged file" for path in report.lost),
        *report.faults,
    ]


def obstructions(service: Service, report: Report, ours: Tree, tree: Tree) -> list[str]:
    """Return an error for each uncommitted file that a new file of the update would overwrite."""
    paths = [] if report.branch else recovery.obstacles(service, ours, tree)
    return [f"{path} exists uncommitted at the path of a new file: move or remove it" for path in paths]


def note_of_proposal(proposal: Proposal, tree: Tree, message: str) -> Note:
    """Store a proposed update's trees in Git, and return the `Note` that `update --continue` reads."""
    objects, sides, report = proposal.objects, proposal.merged.sides, proposal.report
    trees = {"base": sides.base, "ours": sides.ours, "theirs": sides.theirs, "merged": tree}
    stored = {name: objects.write(each) for name, each in trees.items()}
    note = Note("waiting", proposal.start, report.before, report.after, "", report.branch, proposal.given, stored)
    note.report, note.message = asdict(report), message
    return note


def open_worktree(proposal: Proposal, note: Note) -> None:
    """Create the update's work tree with the merged files, in which conflicts are marked."""
    service, objects = proposal.service, proposal.objects
    root = objects.write(proposal.tree, proposal.start, service.prefix)
    directory = worktree.create(service, objects.commit(root, proposal.start))
    worktree.show_conflicts(service, proposal.merged.stages)
    for name, tree in note.trees.items():  # so that garbage collection does not prune them
        git(directory, "update-ref", f"refs/worktree/{name}", objects.commit(tree))


def rejected(service: Service, note: Note, report: Report, reasons: list[str]) -> RejectedError:
    """Store the reasons for a rejection in the update's `Note`, and return the error that lists them."""
    report.reasons = reasons
    report.tree = str(worktree.tree_of(service).relative_to(service.directory))
    note.report = asdict(report)
    worktree.write_note(service, note)
    lines = ["The update is rejected:", *(f"  {reason}" for reason in reasons), NEXT.format(tree=report.tree)]
    return RejectedError("\n".join(lines), asdict(report))


# ── Apply ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
def commit_tree(service: Service, report: Report, root: str, parent: str, request: Request) -> str:
    """Commit the finished update without hooks, and sign the commit if the repository requires it."""
    trailers = f"{TRAILER}: {report.before}..{report.after}\n{TREE_TRAILER}: {root}\n"
    signs = (query(service.directory, "config", "--type=bool", "--get", "commit.gpgSign") or b"").strip() == b"true"
    text = f"{request.message or subject(report)}\n\n{trailers}"
    options = ("-S",) if signs else ()
    return git(service.directory, "commit-tree", root, "-p", parent, *options, "-F", "-", stdin=text.encode()).strip()


def subject(report: Report) -> str:
    """Return the subject line of the update's commit message."""
    if report.before == report.after:
        return f"Change answers of the template at {report.after}"
    return f"Update the template from {report.before} to {report.after}"


def apply(service: Service, report: Report, note: Note, commit: str, parent: str) -> Report:
    """Fast-forward the current branch to the update's commit, or create the requested branch at that commit."""
    if report.branch:
        git(service.directory, "branch", report.branch, commit)
    else:
        try:
            service.require_clean()
            worktree.write_note(service, replace(note, phase="writing", start=parent, commit=commit))
            recovery.fast_forward(service, parent, commit)
        except CommandError as error:
            if not worktree.tree_of(service).is_dir():
                worktree.remove(service)
                raise
            raise rejected(service, note, report, [str(error)]) from error
    worktree.remove(service)
    report.commit = commit
    report.tree, report.applied = None, True
    print_done(report)
    return report


# ── Continue and abort ────────────────────────────────────────────────────────────────────────────────────────────────
def resume(service: Service, request: Request) -> Report:
    """Continue a rejected or interrupted update, as `update --continue` does."""
    with worktree.lock(service):
        note = worktree.note_of(service)
        if note is None:
            raise CommandError("There is no update to continue.")
        report = Report(**note.report)
        if note.phase == "writing":
            recovery.finish(service, note)
            report.commit, report.applied, report.tree = note.commit, True, None
            print_done(report)
            return report
        service.require_clean()
        service.require_committable()
        recovery.require_worktree(service, note)
        return resolved(service, note, report, replace(request, message=note.message))


def resolved(service: Service, note: Note, report: Report, request: Request) -> Report:
    """Verify the work tree's files after a user has resolved the conflicts, run the checks, and apply the update."""
    objects = Objects(service.directory)
    sides = Sides(*(objects.tree(note.trees[name]) for name in ("base", "ours", "theirs")))
    directory = worktree.tree_of(service) / service.prefix
    for path in [path for path in report.deleted if path in request.delete]:
        (directory / path).unlink(missing_ok=True)
    merged = objects.tree(note.trees["merged"])
    unmerged = worktree.unmerged(service)
    root = worktree.collect(service)
    tree = objects.tree(git(service.directory, "rev-parse", f"{root}:{service.prefix.rstrip('/')}").strip())
    untouched = [path for path in unmerged if tree.get(path) == merged.get(path)]
    report.deleted = [path for path in report.deleted if path in tree and path not in request.keep]
    report.conflicts = conflicted_paths(objects, sides, tree, untouched)
    report.faults = faults_of_merge(objects, sides, tree, report.conflicts)
    report.lost, report.failed, report.reasons = [], "", []
    start = service.head
    current = objects.tree(service.subtree(start))
    objected = objections(report, request) + obstructions(service, report, current, tree)
    if reasons := objected or prepare(service, report, request, sides.ours, tree):
        raise rejected(service, note, report, reasons)
    root = worktree.collected(service)
    if start != note.start:
        root = recovery.rebased(service, note, objects, root)
        rebased = objects.tree(git(service.directory, "rev-parse", f"{root}:{service.prefix.rstrip('/')}").strip())
        recovery.require_faultless(faults_of_merge(objects, Sides(sides.ours, current, tree), rebased, ()))
    return apply(service, report, note, commit_tree(service, report, root, start, request), start)


def abort(service: Service) -> None:
    """Discard a rejected or interrupted update, as `update --abort` does."""
    with worktree.lock(service):
        note = worktree.note_of(service)
        if note is None:
            raise CommandError("There is no update to abort.")
        if note.phase == "writing":
            recovery.restore(service, note)
        worktree.remove(service)
        echo("The update is discarded. Your branch is unchanged.")
