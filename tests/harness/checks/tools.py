"""The interpreter and the installed distributions of an environment, as part of the cache key of a check."""

from __future__ import annotations

import json
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.harness.combinations.rendering import Tree

FORK_SERVER = Path(__file__).with_name("fork_server.py")
PROJECT = "pyproject.toml"


@dataclass(frozen=True)
class Distribution:
    """The version and the requirements (PEP 508) of an installed distribution."""

    version: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tools:
    """An environment's interpreter, and its installed distributions by canonical name."""

    interpreter: tuple[str, ...]
    distributions: dict[str, Distribution]

    def key(self, code: Tree) -> tuple[object, ...]:
        """Return the interpreter, the required distributions and the fork server's source as a cache key."""
        used = self.required(declared(code)) if PROJECT in code else self.distributions.keys()
        pinned = [f"{name}=={self.distributions[name].version}" for name in sorted(used)]
        return self.interpreter, pinned, self.fork_server

    @cached_property
    def fork_server(self) -> str:
        return FORK_SERVER.read_text(encoding="utf-8")

    def required(self, requirements: Iterable[Requirement]) -> set[str]:
        """Return the names of installed distributions that are required, directly or transitively."""
        visited: set[tuple[str, str]] = set()
        queue = [(each, extra) for each in requirements for extra in extras(each)]
        while queue:
            requirement, extra = queue.pop()
            name = str(canonicalize_name(requirement.name))
            if name not in self.distributions or (name, extra) in visited:
                continue
            visited.add((name, extra))
            for line in self.distributions[name].requires:
                further = Requirement(line)
                if not further.marker or further.marker.evaluate({"extra": extra}):
                    queue += [(further, each) for each in extras(further)]
        return {name for name, _ in visited}


@cache  # installed once, before the first check
def tools(python: str) -> Tools:
    """Return the interpreter and the installed distributions of an environment."""
    run = subprocess.run([python, "-P", FORK_SERVER, "tools"], check=True, capture_output=True, text=True)
    described: dict[str, Any] = json.loads(run.stdout)
    return Tools(
        tuple(described["interpreter"]),
        {
            str(canonicalize_name(name)): Distribution(each["version"], tuple(each["requires"]))
            for name, each in described["distributions"].items()
        },
    )


def extras(requirement: Requirement) -> Iterator[str]:
    """Yield the empty string for the requirement without extras, then each of its extras."""
    yield from ("", *requirement.extras)


def declared(code: Tree) -> list[Requirement]:
    """Return a service's requirements, including those of its dependency groups."""
    project = tomllib.loads(code[PROJECT].text)
    groups = project.get("dependency-groups", {}).values()
    lines = [*project["project"].get("dependencies", []), *(line for group in groups for line in group)]
    return [Requirement(line) for line in lines if isinstance(line, str)]
