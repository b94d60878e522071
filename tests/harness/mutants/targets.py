"""The services whose modules are mutated: few, which together hold every module of the sample domain's services."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from extensions.slipway_template.catalogue import SERVICE
from extensions.slipway_template.footprint import owners
from extensions.slipway_template.plan import plan
from tests.harness.combinations.questions import OPEN, code_questions
from tests.harness.mutants.sample import mutants

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service
    from tests.harness.mutants.mutation import Mutant

CORE = "core"


def is_mutated(path: str) -> bool:
    return path.startswith("app/") and path.endswith(".py")


@cache
def targets() -> list[Answers]:
    """Choose greedily the service that adds most modules; of those that add the same, the one that has fewest."""
    asked = code_questions()
    sample = [given for given in asked.combinations() if all(given[name] == asked.default[name] for name in OPEN)]
    held = {asked.label(given): frozenset(filter(is_mutated, plan(given)["footprint"])) for given in sample}
    by_label = {asked.label(given): given for given in sample}
    missing, chosen = frozenset[str]().union(*held.values()), []
    while missing:
        best = max(held, key=lambda label: (len(held[label] & missing), -len(held[label])))
        missing -= held[best]
        chosen.append(by_label[best])
    return chosen


def group(path: str) -> str:
    """Return the feature that owns a module; modules of every service and of resources are the core."""
    owner, *_ = owners().get(path, (CORE,))
    return CORE if owner == SERVICE.name else owner


def distinct(services: Iterable[Service]) -> list[tuple[Service, Mutant]]:
    """List every mutant of the services' modules, of each edit of a line the first service that has it."""
    found: dict[tuple[object, ...], tuple[Service, Mutant]] = {}
    met: set[tuple[str, bytes]] = set()
    for service in services:
        for path, file in service.files.items():
            if is_mutated(path) and (path, file.content) not in met:
                met.add((path, file.content))
                for each in mutants(path, file.content):
                    found.setdefault(each.key, (service, each))
    return list(found.values())


def is_meant(path: str, names: Collection[str]) -> bool:
    """Say whether a module, its directory or its feature is named; every one is, where none is."""
    inside = path.removeprefix("app/")
    meant = {path, inside, group(path), *(parent.as_posix() for parent in PurePosixPath(inside).parents)}
    return not names or any(
        name.rstrip("/") in meant or name.rstrip("/").removeprefix("app/") in meant for name in names
    )
