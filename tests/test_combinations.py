from __future__ import annotations

from math import prod
from typing import Any

import pytest
import yaml

from tests.harness.combinations import COMBINATIONS, choices, combine, is_covered, label
from tests.harness.scratch import ROOT

RAW = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
ASKED = {name: entry for name, entry in RAW.items() if name[0] != "_" and entry.get("when") is not False}


def test_every_question_is_covered() -> None:
    forgotten = [name for name, question in ASKED.items() if not is_covered(question)]
    assert not forgotten, f"say in `combinations.axis` which answers the harness gives to {', '.join(forgotten)}"


@pytest.mark.parametrize(
    "question",
    [
        {"type": "str", "when": "{{ database == 'sqlite' }}", "default": ""},
        {"type": "str", "multiselect": True, "choices": ["cache", "email"]},
        {"type": "bool", "default": True},
        {"type": "yaml", "default": "[]"},
    ],
)
def test_a_question_of_another_kind_is_not_covered(question: dict[str, Any]) -> None:
    assert not is_covered(question)


def test_no_combination_is_left_out() -> None:
    assert len(COMBINATIONS) == prod(len(choices(question)) or 1 for question in ASKED.values())


@pytest.mark.parametrize("name", ASKED)
def test_every_choice_is_made(name: str) -> None:
    made = {answers[name] for answers in COMBINATIONS.values()}
    assert made == set(choices(ASKED[name]) or [ASKED[name]["default"]])


def test_a_new_choice_makes_new_combinations() -> None:
    asked: dict[str, dict[str, Any]] = {
        "database": {"choices": ["a", "b"]},
        "ci": {"choices": {"None": "none"}},
        "name": {"default": "x"},
    }
    assert [list(answers.values()) for answers in combine(asked)] == [["a", "none", "x"], ["b", "none", "x"]]


def test_a_combination_is_named_by_its_choices() -> None:
    answers = {"project_name": "Shop", "database": "sqlite", "ci": "none", "python_version": "3.14"}
    assert label(answers) == "sqlite-none-3.14"
