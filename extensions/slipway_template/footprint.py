"""Map the template's files to the features that need them, and exclude files of features that are not selected.

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
    """Return whether an entry of `Feature.paths` is the given path or a directory that contains it."""
    return path == entry or (entry.endswith("/") and path.startswith(entry))


@cache
def ignored_patterns() -> tuple[str, ...]:
    """Return the patterns in `_exclude` of `copier.yml` that are the same for every service."""
    return tuple(pattern for pattern in read_questionnaire()["_exclude"] if "{" not in pattern)


def is_ignored(path: str) -> bool:
    """Return whether a file of the template is excluded from every service."""
    return any(fnmatchcase(part, pattern) for part in path.split("/") for pattern in ignored_patterns())


@cache
def files() -> frozenset[str]:
    """Return the paths of all files that services can have, except for those that exist once per resource."""
    paths = (path.relative_to(TEMPLATE).as_posix() for path in TEMPLATE.rglob("*") if path.is_file())
    names = (RECORD if "answers_file" in path else path.removesuffix(SUFFIX) for path in paths)
    return frozenset(name for name in names if "{" not in name and not is_ignored(name))


def claims(path: str) -> list[tuple[str, str]]:
    """Return each entry of `Feature.paths` that covers a path, paired with its feature.

    The longest entry comes first: it is the file itself or the deepest directory.
    """
    pairs = [(entry, each.name) for each in (SERVICE, *FEATURES) for entry in each.paths if covers(entry, path)]
    return sorted(pairs, key=lambda claim: -len(claim[0]))


@cache
def owners() -> Mapping[str, tuple[str, ...]]:
    """Map each file to all features that a service needs to have the file.

    The feature that lists the file or its deepest directory comes first.
    """
    return {path: tuple(name for _, name in claims(path)) for path in sorted(files())}


@cache
def places(path: str) -> tuple[str, ...]:
    """Return the parent directories of a path, the outermost first, and then the path itself."""
    parts = path.split("/")
    return tuple("/".join(parts[: depth + 1]) for depth in range(len(parts)))


def excluded(names: Iterable[str]) -> list[str]:
    """List the template's paths that a service with the given features must not contain."""
    included = {feature.name for feature in chosen(frozenset(names))}
    emitted = {path for path, needed in owners().items() if included.issuperset(needed)}
    parents = {place for path in emitted for place in places(path)}
    left_out = owners().keys() - emitted
    return sorted({next(place for place in places(path) if place not in parents) for path in left_out})


def code_paths(names: Iterable[str]) -> list[str]:
    """List the template's code files in a service with these features, without CI, deployment and guidance."""
    included = {feature.name for feature in chosen(frozenset(names))}
    return [path for path, needed in owners().items() if included.issuperset(needed) and not path.startswith(OF_OWNERS)]


def surrounding_paths(names: Iterable[str]) -> list[str]:
    """List the template's files for CI, deployment and guidance in a service with these features.

    A single pattern stands for all Kubernetes components.
    """
    around = {AGENTS.name, *names}
    others = {each.name for each in SURROUNDINGS}
    paths = [path for path, needed in owners().items() if (own := others.intersection(needed)) and own <= around]
    return sorted({f"{COMPONENTS}*" if path.startswith(COMPONENTS) else path for path in paths})
