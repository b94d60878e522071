"""Compare a service's files with those that the template renders from the recorded version and answers.

A file is the *same*, *yours* (edited), *renamed* by its owner, *missing* (deleted), or *stale*: it lacks what a
version up to the recorded one changed, as after a conflict that was resolved by keeping the old lines. Files that are
written once, such as the first migration, are the owner's from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from slipway.errors import CommandError
from slipway.git import git, names
from slipway.merge.edits import lacks
from slipway.merge.three_way import stored
from slipway.service.history import Earlier, earlier
from slipway.source.rendering import Answers, Rendering, render
from slipway.source.template import Template
from slipway.trees import Objects
from slipway.update import recovery, worktree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slipway.service.checkout import Service

SEARCHED = 3  # earlier records whose changes are compared with edited files


@dataclass
class Drift:
    """The files of a service by state: unchanged, edited, renamed, stale or missing.

    `stale` maps paths to the version whose changes are missing, `renamed` to the new path.
    """

    same: list[str] = field(default_factory=list)
    yours: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """A service's version, and its differences from the template.

    `behind` is the number of newer releases.
    """

    template: str
    version: str
    newest: str
    behind: int
    unfinished: str | None  # description of a waiting or interrupted update
    drift: Drift

    @property
    def is_current(self) -> bool:
        """Whether the service has the newest version, no missing template changes, and no unfinished update."""
        return not (self.behind or self.drift.stale or self.drift.missing or self.unfinished)


def status(service: Service, to: str | None) -> Status:
    """Return a service's status compared with the template's newest release, or with the revision `to`."""
    service.require_commits()
    record = service.record
    template = Template(record["_src_path"])
    recorded = str(record["_commit"])
    try:
        last = template.describe(template.resolve(to)) if to else template.newest(recorded)
        between = template.between(recorded, last)
        drift = compare(
            service, template, render(template, recorded, Answers(service.record_text), service.answers_file)
        )
    finally:
        template.close()
    note = worktree.note_of(service)
    unfinished = recovery.describe(service, note) if note else None
    return Status(str(record["_src_path"]), recorded, last, len(between), unfinished, drift)


def compare(service: Service, template: Template, pristine: Rendering) -> Drift:
    """Compare each file in the work tree with its rendered version, and return the paths by state."""
    drift = Drift()
    edited: dict[str, bytes] = {}
    contents = {path: service.current(path) for path in pristine.files}
    different = [path for path, file in pristine.files.items() if contents[path] not in {None, file.content}]
    contents |= unconverted(service, different) if different else {}
    for path, file in pristine.files.items():
        content = contents[path]
        if content == file.content:
            drift.same.append(path)
        elif path in pristine.seeds:
            drift.yours.append(path)
        elif content is None:
            drift.missing.append(path)
        else:
            edited[path] = content
    drift.renamed = owner_renames(service, pristine, drift.missing) if drift.missing else {}
    drift.missing = [path for path in drift.missing if path not in drift.renamed]
    drift.stale = dict(stale_files(service, template, pristine, edited)) if edited else {}
    drift.yours = sorted([*drift.yours, *(edited.keys() - drift.stale.keys())])
    return drift


def unconverted(service: Service, paths: list[str]) -> dict[str, bytes]:
    """Return the content in Git of each unmodified file, which a filter such as LFS converts on disk."""
    supported = [path for path in paths if "\n" not in path]
    from_root = "".join(f"{service.prefix}{path}\n" for path in supported)
    blobs = git(service.root, "hash-object", "--stdin-paths", stdin=from_root.encode()).split()
    staged = git(service.directory, "ls-files", "--stage", "-z", "--", ".")
    known = {path: about.split(" ")[1] for about, _, path in (line.partition("\t") for line in names(staged))}
    objects = Objects(service.directory)
    return {path: objects.content(blob) for path, blob in zip(supported, blobs, strict=True) if known.get(path) == blob}


def owner_renames(service: Service, pristine: Rendering, missing: list[str]) -> dict[str, str]:
    """Return the new path of each missing file that was renamed in the service, as Git detects it."""
    objects = Objects(service.directory)
    base = objects.write(stored(objects, pristine))
    renames = objects.renames(base, service.subtree("HEAD"))
    return {path: renames[path] for path in missing if path in renames}


def stale_files(
    service: Service, template: Template, pristine: Rendering, edited: dict[str, bytes]
) -> Iterator[tuple[str, str]]:
    """Yield each edited file that lacks changes of the template, with the version of the latest missing change."""
    remaining = dict(edited)
    for past, old in earlier_renderings(service, template):
        for path, content in list(remaining.items()):
            base, other = old.files.get(path), pristine.files[path]
            before = service.committed(path, past.before)
            if base and base != other and lacks(content, base.content, other.content, before):
                yield path, past.replaced_by
                del remaining[path]


def earlier_renderings(service: Service, template: Template) -> Iterator[tuple[Earlier, Rendering]]:
    """Yield each earlier version of the answers file in Git, with the files rendered from it.

    At most `SEARCHED` versions are read. Those that the template can no longer render are skipped.
    """
    for past in islice(earlier(service), SEARCHED):
        is_same = past.record["_src_path"] == template.source
        source = template if is_same else Template(str(past.record["_src_path"]))
        try:
            yield past, render(source, str(past.record["_commit"]), Answers(past.text), service.answers_file)
        except CommandError:
            continue
        finally:
            if not is_same:
                source.close()
