"""The services to mutate contain every module; names select modules to mutate."""

from __future__ import annotations

import pytest

from extensions.slipway_template.footprint import owners
from extensions.slipway_template.plan import plan
from tests.harness.combinations.questions import code_questions
from tests.harness.mutants.targets import CORE, feature_of, is_mutated, is_selected, targets


def test_services_to_mutate_contain_every_module() -> None:
    paths = {path for answers in targets() for path in plan(answers)["footprint"]}
    assert {path for path in owners() if is_mutated(path)} <= paths


def test_services_to_mutate_are_at_most_five() -> None:
    combinations = list(code_questions().combinations())
    assert len(targets()) <= 5
    assert all(answers in combinations for answers in targets())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("app/cache/__init__.py", "cache"),
        ("app/services/auth.py", "local"),
        ("app/tasks/send_email.py", "email_jobs"),
        ("app/errors.py", CORE),
        ("app/routers/product.py", CORE),
    ],
)
def test_module_belongs_to_owning_feature(path: str, name: str) -> None:
    assert feature_of(path) == name


@pytest.mark.parametrize("name", ["cache", "cache/", "app/cache", "app/cache/stores.py", "cache/stores.py"])
def test_module_to_mutate_is_selected_by_name_or_feature(name: str) -> None:
    assert is_selected("app/cache/stores.py", ["jobs", name])
    assert not is_selected("app/health.py", ["jobs", name])


def test_every_module_is_mutated_without_names() -> None:
    assert is_selected("app/health.py", [])
