"""Which files of a service the template keeps, so that whoever edits one can be told.

What a resource is made of belongs to the service's owner, and so does every file that is not listed.
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from jinja2 import Environment
from jinja2.ext import Extension
from pathspec import GitIgnoreSpec

from .catalogue import AGENTS, DEPLOYMENTS, PIPELINES, omitted

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent.parent
SUFFIX = ".jinja"
AROUND = (*PIPELINES, *DEPLOYMENTS, AGENTS)  # what decides no code
COMPONENTS = "deploy/kubernetes/components/"  # of which there are as many as the code asks for
OF_OWNERS = "migrations/versions/"
RECORD = ".copier-answers.yml"


@cache
def exclusions() -> list[str]:
    """Read what `copier.yml` leaves out, in terms of what is omitted."""
    found: list[str] = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))["_exclude"]
    return found


@cache
def paths() -> frozenset[str]:
    """List the files of every service, but those that a resource is made of, and those that are their owner's."""
    template = ROOT / "template"
    found = (
        path.relative_to(template).as_posix().removesuffix(SUFFIX) for path in template.rglob("*") if path.is_file()
    )
    return frozenset(each for each in found if "{" not in each and not each.startswith(OF_OWNERS))


@cache
def left_out(name: str) -> frozenset[str]:
    """List the paths that one omitted feature takes along."""
    environment = Environment(autoescape=False)  # noqa: S701 - these are patterns of paths
    lines = (environment.from_string(pattern).render(omitted=[name]).splitlines() for pattern in exclusions())
    return frozenset(GitIgnoreSpec.from_lines(chain(*lines)).match_files(paths()))


def all_left_out(names: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*map(left_out, names))


def of_code(names: Iterable[str]) -> list[str]:
    """List what the template keeps of a service that is built of what is named, but for what surrounds the code."""
    return sorted({RECORD, *paths()} - all_left_out(omitted(frozenset(names))))


def of_surroundings(names: Iterable[str]) -> list[str]:
    """List what it keeps besides, where guidance for assistants and what is named surround the code."""
    around = {AGENTS.name, *names}
    kept = [name for each in AROUND if each.name in around for name in (each.name, *each.stems)]
    others = [each.name for each in AROUND if each.name not in around]
    found = all_left_out(kept) - all_left_out(others) - left_out("none")
    return sorted({f"{COMPONENTS}*" if path.startswith(COMPONENTS) else path for path in found})


class Footprint(Extension):
    """Lets Copier load this module, which `plan.py` imports."""
