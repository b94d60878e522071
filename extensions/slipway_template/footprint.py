"""Map paths of the template to the features that own them, and exclude those of features that are not selected.

The files of resources and the first revision belong to the owner of the service. A fork's file that no feature owns
is always emitted.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from .catalogue import AGENTS, DEPLOYMENTS, FEATURES, PIPELINES, SERVICE, chosen
from .questionnaire import ROOT, read_questionnaire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TEMPLATE = ROOT / "template"
SUFFIX = ".jinja"
SURROUNDINGS = (*PIPELINES, *DEPLOYMENTS, AGENTS)  # which change no code
COMPONENTS = "deploy/kubernetes/components/"  # one per feature that requires it
OF_OWNERS = "migrations/versions/"
RECORD = ".copier-answers.yml"


def covers(entry: str, path: str) -> bool:
    """Return whether an entry of `Feature.paths` is a path, or a directory around it."""
    return path == entry or (entry.endswith("/") and path.startswith(entry))


@cache
def ignored_patterns() -> tuple[str, ...]:
    """Return the patterns of `_exclude` that do not depend on answers."""
    return tuple(pattern for pattern in read_questionnaire()["_exclude"] if "{" not in pattern)


def is_ignored(path: str) -> bool:
    """Return whether a path is excluded from every service."""
    return any(fnmatchcase(part, pattern) for part in path.split("/") for pattern in ignored_patterns())


@cache
def files() -> frozenset[str]:
    """Return the paths of all files of services, except those that exist once per resource."""
    paths = (path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*") if path.is_file())
    names = (RECORD if "answers_file" in path else path.removesuffix(SUFFIX) for path in paths)
    return frozenset(name for name in names if "{" not in name and not is_ignored(name))


def claims(path: str) -> list[tuple[str, str]]:
    """List the entries of `Feature.paths` that cover a path, each with its feature, the innermost first."""
    pairs = [(entry, each.name) for each in (SERVICE, *FEATURES) for entry in each.paths if covers(entry, path)]
    return sorted(pairs, key=lambda claim: -len(claim[0]))


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
    """List the paths to exclude for a selection of features; a directory without any emitted file is one entry."""
    included = {feature.name for feature in chosen(frozenset(names))}
    emitted = {path for path, needed in owners().items() if included.issuperset(needed)}
    parents = {place for path in emitted for place in places(path)}
    left_out = owners().keys() - emitted
    return sorted({next(place for place in places(path) if place not in parents) for path in left_out})


def code_paths(names: Iterable[str]) -> list[str]:
    """List the paths that the template maintains for these features, without pipelines, deployments and guidance."""
    included = {feature.name for feature in chosen(frozenset(names))}
    return [path for path, needed in owners().items() if included.issuperset(needed) and not path.startswith(OF_OWNERS)]


def surrounding_paths(names: Iterable[str]) -> list[str]:
    """List the paths of pipelines, deployments and guidance; the Kubernetes components are one glob pattern."""
    around = {AGENTS.name, *names}
    others = {each.name for each in SURROUNDINGS}
    paths = [path for path, needed in owners().items() if (own := others.intersection(needed)) and own <= around]
    return sorted({f"{COMPONENTS}*" if path.startswith(COMPONENTS) else path for path in paths})
