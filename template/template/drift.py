"""How a service differs from its template, file by file.

A file is *the same* as the template makes it, or *yours*: edited, with all that the template has
changed. It is *stale* when it lacks what a version up to the recorded one changed, though the
record says that it was updated, and *missing* when it is not there. What is written once, such as
the first revision of a database, is yours from its first day.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from .errors import CommandError
from .history import Earlier, earlier
from .merging import lacks
from .pristine import Rendering, render
from .releases import after, newest, releases
from .repository import Service

REMEMBERED = 3  # earlier records whose changes a file is searched for


@dataclass
class Drift:
    """Paths by what they are; a stale one with the version whose changes it lacks."""

    same: list[str] = field(default_factory=list)
    yours: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def differing(self) -> list[str]:
        return sorted([*self.yours, *self.stale, *self.missing])


@dataclass(frozen=True)
class Standing:
    """Where a service stands: `behind` counts the releases between its version and the newest."""

    template: str
    version: str
    newest: str
    behind: int
    drift: Drift

    @property
    def is_fine(self) -> bool:
        return not (self.behind or self.drift.stale or self.drift.missing)


def standing(service: Service, to: str | None) -> Standing:
    """Tell where a service stands; raises `CommandError` when that cannot be told."""
    service.require_history()
    record = service.record
    pristine = render(record, service.answers_file)
    tags = releases(pristine.url)
    if to is not None and to not in tags:
        raise CommandError(f"The template {pristine.url} has no release {to}.")
    last = to or newest(pristine.url, tags, record["_commit"])
    between = after(tags, record["_commit"], last)
    drift = compared(service, pristine)
    return Standing(record["_src_path"], record["_commit"], last, len(between), drift)


def compared(service: Service, pristine: Rendering) -> Drift:
    """Compare the work tree with what the template made."""
    drift = Drift()
    edited: dict[str, bytes] = {}
    for path, made in pristine.files.items():
        content = service.current(path)
        if content == made:
            drift.same.append(path)
        elif pristine.is_seed(Path(path)):
            drift.yours.append(path)
        elif content is None:
            drift.missing.append(path)
        else:
            edited[path] = content
    drift.stale = dict(stale(service, pristine, edited)) if edited else {}
    drift.yours = sorted([*drift.yours, *(edited.keys() - drift.stale.keys())])
    return drift


def stale(
    service: Service, pristine: Rendering, edited: dict[str, bytes]
) -> Iterator[tuple[str, str]]:
    """Name each edited file that lacks a change, and the version that brought the change.

    Versions are looked at from the latest back, so that it is the latest that can be named.
    """
    left = dict(edited)
    for past, old in rendered(service):
        for path, content in list(left.items()):
            base, other = old.files.get(path), pristine.files[path]
            before = service.committed(path, past.before)
            if base not in (None, other) and lacks(content, base, other, before):
                yield path, past.replaced_by
                del left[path]


def rendered(service: Service) -> Iterator[tuple[Earlier, Rendering]]:
    """Render what was recorded earlier, as far as its versions are still to be had."""
    for past in islice(earlier(service), REMEMBERED):
        try:
            yield past, render(past.record, service.answers_file)
        except CommandError:
            continue
