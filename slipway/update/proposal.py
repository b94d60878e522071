"""Propose an update: render the recorded and the new version, and merge their difference into the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slipway.errors import CommandError
from slipway.merge.three_way import Change, Merged, merge, stored
from slipway.merge.verification import changed_seeds
from slipway.moves.domain_renames import probable_renames
from slipway.moves.relocations import relocations_between
from slipway.service.history import moved_from
from slipway.service.record import merged_record
from slipway.source.rendering import Answers, Rendering, render
from slipway.source.template import Template
from slipway.trees import LINK, Entry, Objects, Tree
from slipway.update.report import Report, changed_answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slipway.service.checkout import Record, Service
    from slipway.update.request import Request


@dataclass
class Proposal:
    """A merged update that has not been verified or applied."""

    service: Service
    objects: Objects
    start: str
    ours: Tree  # the service's files as committed
    merged: Merged
    record: bytes  # the new answers file
    report: Report
    given: list[str]  # questions that the owner answered

    @property
    def tree(self) -> Tree:
        """The files that the service would have after the update."""
        [blob] = self.objects.store([self.record])
        mode = self.ours[self.service.answers_file].mode
        return self.merged.tree | {self.service.answers_file: Entry(mode, blob)}


def propose(service: Service, request: Request) -> Proposal | None:
    """Render the old and the new version, and merge the difference into the service; None if nothing changes."""
    record, text = service.record, service.record_text
    template = Template(record["_src_path"])
    target = Template(request.source) if request.source else template
    try:
        to = chosen_version(target, record, request)
        if to == record["_commit"] and not request.answers and target is template:
            return None
        require_upgrade(target, record["_commit"], to)
        old = render(template, record["_commit"], Answers(text), service.answers_file)
        new = render(target, to, Answers(text, request.answers, request.is_asking), service.answers_file)
        require_known(request.answers, new)
        require_answered(service, record, new, target, request)
        return merged_proposal(service, target, old, new, request)
    finally:
        template.close()
        target.close()


def chosen_version(target: Template, record: Record, request: Request) -> str:
    """Return the name of the template version to update to, in the form that the answers file records."""
    recorded = str(record["_commit"])
    if request.answers and not (request.source or request.to):
        return recorded
    commit = target.resolve(request.to or target.newest(recorded))
    return recorded if commit == target.resolve(recorded) else target.describe(commit)


def require_upgrade(target: Template, recorded: str, to: str) -> None:
    """Raise `CommandError` if the requested version is older than the recorded one."""
    low, high = target.version(recorded), target.version(to)
    if low and high and high < low:
        raise CommandError(f"{to} is older than {recorded}: an update cannot go back. Undo updates by `undo`.")


def require_known(answers: Mapping[str, Any], new: Rendering) -> None:
    """Raise `CommandError` if an answer names a question that the template does not have."""
    if unknown := sorted(answers.keys() - new.record.keys()):
        raise CommandError(f"The template asks no question named {', '.join(unknown)}.")


def require_answered(service: Service, record: Record, new: Rendering, target: Template, request: Request) -> None:
    """Raise `CommandError` if a service changes to another template whose new questions are unanswered."""
    moved = request.source or moved_from(service)
    if not moved or request.is_asking or request.defaults:
        return
    new_questions = [name for name in new.record if name[0] != "_" and name not in {*record, *request.answers}]
    if new_questions:
        options = " ".join(f"--data {name}={new.record[name]}" for name in new_questions)
        raise CommandError(
            f"{target.source} has new questions: {', '.join(new_questions)}. Answer by options,"
            f" such as {options}, or accept the defaults by --defaults."
        )


def merged_proposal(service: Service, target: Template, old: Rendering, new: Rendering, request: Request) -> Proposal:
    """Merge the difference between two renderings into the service's current commit."""
    objects, start = Objects(service.directory), service.head
    ours = objects.tree(service.subtree(start))
    record = ours.get(service.answers_file)
    if record is None:
        raise CommandError(f"{service.answers_file} is not committed: commit it first.")
    if record.mode == LINK:
        raise CommandError(f"{service.answers_file} is a symbolic link: replace it by the file, and commit.")
    files = {path: entry for path, entry in ours.items() if path != service.answers_file}
    base, theirs = stored(objects, old), stored(objects, new)
    relocations = relocations_between(objects, target, old, new, (base, theirs, files))
    merged = merge(objects, files, Change(base, theirs, old.seeds | new.seeds, relocations))
    before, after = str(old.record["_commit"]), str(new.record["_commit"])
    report = Report(before, after, branch=request.branch)
    report.notes = target.notes(before, after) if before != after else ""
    changed_answers(report, old.record, new.record, request.answers)
    report.left_deleted, report.followed = merged.left_deleted, merged.followed
    report.moved, report.rewritten, report.adjacent = merged.moved, merged.rewritten, merged.adjacent
    report.renames = probable_renames(old.record, new.record)
    if before != after:
        both = old.seeds & new.seeds
        contents = [{path: each.files[path].content for path in both} for each in (old, new)]
        report.seeds = changed_seeds(objects, merged, *contents)
    text = objects.content(record.blob)
    if old.header and text.startswith(old.header.encode()):
        text = new.header.encode() + text.removeprefix(old.header.encode())
    text = merged_record(text, new.record)
    return Proposal(service, objects, start, ours, merged, text, report, [*request.answers])


def resolve_dropped(merged: Merged, request: Request) -> None:
    """Apply the options `--delete` and `--keep` to edited files that the template deletes."""
    for path in [*merged.dropped]:
        if path in request.delete:
            del merged.tree[path]
        if path in (*request.delete, *request.keep):
            merged.dropped.remove(path)
