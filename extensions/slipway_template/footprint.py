"""Who owns each path of the template, and which paths a service has.

The files of resources and the first revision belong to the owner of the service. A file that a fork adds without an
owner is emitted always.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from .catalogue import AGENTS, DEPLOYMENTS, FEATURES, PIPELINES, SERVICE, chosen
from .questionnaire import ROOT, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEMPLATE = ROOT / "template"
SUFFIX = ".jinja"
SURROUNDINGS = (*PIPELINES, *DEPLOYMENTS, AGENTS)  # which decide no code
COMPONENTS = "deploy/kubernetes/components/"  # of which there are as many as the code requires
OF_OWNERS = "migrations/versions/"
RECORD = ".copier-answers.yml"


def covers(entry: str, path: str) -> bool:
    """Return whether an entry of `Feature.paths` is a path, or a directory around it."""
    return path == entry or (entry.endswith("/") and path.startswith(entry))


@cache
def ignored_patterns() -> tuple[str, ...]:
    """Return the patterns of `_exclude` that hold for every service."""
    return tuple(pattern for pattern in described()["_exclude"] if "{" not in pattern)


def is_ignored(path: str) -> bool:
    """Return whether a path is in no service."""
    return any(fnmatchcase(part, pattern) for part in path.split("/") for pattern in ignored_patterns())


@cache
def files() -> frozenset[str]:
    """Return the paths of all files of services, except those that exist once per resource."""
    paths = (path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*") if path.is_file())
    names = (RECORD if "answers_file" in path else path.removesuffix(SUFFIX) for path in paths)
    return frozenset(name for name in names if "{" not in name and not is_ignored(name))


def claims(path: str) -> list[tuple[str, str]]:
    """List the entries that cover a path, each with its feature, the innermost first."""
    found = [(entry, each.name) for each in (SERVICE, *FEATURES) for entry in each.paths if covers(entry, path)]
    return sorted(found, key=lambda claim: -len(claim[0]))


@cache
def owners() -> Mapping[str, tuple[str, ...]]:
    """Map each path to the features without which it is not emitted: first its owner, then those around it."""
    return {path: tuple(name for _, name in claims(path)) for path in sorted(files())}


@cache
def places(path: str) -> tuple[str, ...]:
    """Return the directories around a path, the outermost first, and the path itself."""
    parts = path.split("/")
    return tuple("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def excluded(names: Iterable[str]) -> list[str]:
    """List the paths of which nothing is emitted without the features that are not chosen; directories as a whole."""
    included = {feature.name for feature in chosen(frozenset(names))}
    emitted = {path for path, needed in owners().items() if included.issuperset(needed)}
    kept = {place for path in emitted for place in places(path)}
    left_out = owners().keys() - emitted
    return sorted({next(place for place in places(path) if place not in kept) for path in left_out})


def of_code(names: Iterable[str]) -> list[str]:
    """List what the template maintains of a service with these features, except for what surrounds the code."""
    included = {feature.name for feature in chosen(frozenset(names))}
    return [path for path, needed in owners().items() if included.issuperset(needed) and not path.startswith(OF_OWNERS)]


def of_surroundings(names: Iterable[str]) -> list[str]:
    """List what it maintains besides, with guidance for assistants; the components of Kubernetes as one pattern."""
    around = {AGENTS.name, *names}
    others = {each.name for each in SURROUNDINGS}
    found = [path for path, needed in owners().items() if (own := others.intersection(needed)) and own <= around]
    return sorted({f"{COMPONENTS}*" if path.startswith(COMPONENTS) else path for path in found})
