"""Select the services to mutate, a few that together contain every module."""

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
    """Return the services to mutate, chosen by a greedy set cover of all modules."""
    questions = code_questions()
    sample = [
        answers
        for answers in questions.combinations()
        if all(answers[name] == questions.default[name] for name in OPEN)
    ]
    modules = {
        questions.label(answers): frozenset(filter(is_mutated, plan(answers)["footprint"])) for answers in sample
    }
    by_label = {questions.label(answers): answers for answers in sample}
    missing, selected = frozenset[str]().union(*modules.values()), []
    while missing:
        best = max(modules, key=lambda label: (len(modules[label] & missing), -len(modules[label])))
        missing -= modules[best]
        selected.append(by_label[best])
    return selected


def feature_of(path: str) -> str:
    """Return the feature that owns a module; `core` if every service has the module.

    Modules of resources also count as `core`.
    """
    owner, *_ = owners().get(path, (CORE,))
    return CORE if owner == SERVICE.name else owner


def distinct_mutants(services: Iterable[Service]) -> list[tuple[Service, Mutant]]:
    """Return every distinct mutant, each with the first service that contains it."""
    by_key: dict[tuple[object, ...], tuple[Service, Mutant]] = {}
    seen: set[tuple[str, bytes]] = set()
    for service in services:
        for path, file in service.files.items():
            if is_mutated(path) and (path, file.content) not in seen:
                seen.add((path, file.content))
                for each in mutants(path, file.content):
                    by_key.setdefault(each.key, (service, each))
    return list(by_key.values())


def is_selected(path: str, names: Collection[str]) -> bool:
    """Return whether the names include a module, its directory or its feature.

    Without names, every module is selected.
    """
    inside = path.removeprefix("app/")
    accepted = {path, inside, feature_of(path), *(parent.as_posix() for parent in PurePosixPath(inside).parents)}
    return not names or any(
        name.rstrip("/") in accepted or name.rstrip("/").removeprefix("app/") in accepted for name in names
    )
