"""The services whose modules are mutated hold every module of the sample domain; names choose among them."""

from __future__ import annotations

import pytest

from extensions.slipway_template.footprint import owners
from extensions.slipway_template.plan import plan
from tests.harness.combinations.questions import code_questions
from tests.harness.mutants.targets import CORE, group, is_meant, is_mutated, targets


def test_targets_hold_every_module() -> None:
    held = {path for answers in targets() for path in plan(answers)["footprint"]}
    assert {path for path in owners() if is_mutated(path)} <= held


def test_targets_are_few_services_of_matrix() -> None:
    combinations = list(code_questions().combinations())
    assert len(targets()) <= 5
    assert all(answers in combinations for answers in targets())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("app/cache/__init__.py", "cache"),
        ("app/services/login.py", "local"),
        ("app/tasks/mail_jobs.py", "mail_jobs"),
        ("app/errors.py", CORE),
        ("app/routers/product.py", CORE),
    ],
)
def test_group_is_owning_feature(path: str, name: str) -> None:
    assert group(path) == name


@pytest.mark.parametrize("name", ["cache", "cache/", "app/cache", "app/cache/keeping.py", "cache/keeping.py"])
def test_module_is_meant_by_its_names(name: str) -> None:
    assert is_meant("app/cache/keeping.py", ["jobs", name])
    assert not is_meant("app/health.py", ["jobs", name])


def test_every_module_is_meant_without_names() -> None:
    assert is_meant("app/health.py", [])
