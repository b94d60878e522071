"""Which files of a service the template keeps, so that whoever edits one can be told.

What a resource is made of belongs to the service's owner, and so does every file that is not listed.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from jinja2.ext import Extension

from .catalogue import AGENTS, DEPLOYMENTS, PIPELINES, omitted
from .questionnaire import ROOT, described

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SUFFIX = ".jinja"
NAME = "{{ name }}"  # of a feature, in a pattern of `_exclude`
AROUND = (*PIPELINES, *DEPLOYMENTS, AGENTS)  # what decides no code
COMPONENTS = "deploy/kubernetes/components/"  # of which there are as many as the code asks for
OF_OWNERS = "migrations/versions/"
RECORD = ".copier-answers.yml"


def files(others: list[str]) -> Iterator[str]:
    """List the files of every service, but those that a resource is made of, and those that are their owner's."""
    template = ROOT / "template"
    for path in template.rglob("*"):
        name = path.relative_to(template).as_posix().removesuffix(SUFFIX)
        is_waste = any(fnmatchcase(part, pattern) for part in name.split("/") for pattern in others)
        if path.is_file() and "{" not in name and not name.startswith(OF_OWNERS) and not is_waste:
            yield name


def owned(pattern: str) -> re.Pattern[str]:
    """Read a pattern of paths that are a feature's own, as one that tells which feature's."""
    written = re.escape(pattern.removeprefix("/")).replace(r"\*", "[^/]*")
    return re.compile(f"{written.replace(re.escape(NAME), '(?P<name>[^/]+)')}(?:/|$)")


@cache
def owners() -> Mapping[str, frozenset[str]]:
    """Give each file's path, and the names of the features without which it is left out, as `copier.yml` says."""
    loop, *others = described()["_exclude"]
    patterns = [owned(line) for line in loop.splitlines() if NAME in line]
    return {
        path: frozenset(match["name"] for pattern in patterns if (match := pattern.match(path)))
        for path in files(others)
    }


def of_code(names: Iterable[str]) -> list[str]:
    """List what the template keeps of a service that is built of what is named, but for what surrounds the code."""
    left_out = set(omitted(frozenset(names)))
    return sorted([RECORD, *(path for path, needed in owners().items() if left_out.isdisjoint(needed))])


def of_surroundings(names: Iterable[str]) -> list[str]:
    """List what it keeps besides, where guidance for assistants and what is named surround the code."""
    around = {AGENTS.name, *names}
    kept = {name for each in AROUND if each.name in around for name in (each.name, *each.stems)}
    others = {each.name for each in AROUND} - around
    found = (path for path, needed in owners().items() if needed & kept and not needed & others)
    return sorted({f"{COMPONENTS}*" if path.startswith(COMPONENTS) else path for path in found})


class Footprint(Extension):
    """Lets Copier load this module, which `plan.py` imports."""
