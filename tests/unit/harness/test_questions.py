"""The questions of `copier.yml` are combined into products and covering arrays of answers."""

from __future__ import annotations

from itertools import combinations as choose
from itertools import product
from math import prod
from typing import Any

import pytest

from extensions.slipway_template.answers import questions
from extensions.slipway_template.questionnaire import read_questionnaire
from tests.harness.combinations.domains import DOMAINS, domain_name
from tests.harness.combinations.questions import (
    OPEN,
    Questionnaire,
    all_questions,
    answers,
    code_questions,
    flips,
    is_covered,
    rules,
)
from tests.harness.workspace import ROOT

RAW = read_questionnaire(ROOT)
QUESTIONS = {name: entry for name, entry in RAW.items() if name[0] != "_" and entry.get("when") is not False}

# One question of each kind, few enough to enumerate every combination.
DATABASE = {"type": "str", "choices": {"Big": "postgresql", "Small": "sqlite"}, "default": "postgresql"}
QUEUE = {"type": "str", "choices": ["none", "taskiq", "celery"], "default": "none"}
FEATURES: dict[str, Any] = {"type": "str", "multiselect": True, "choices": ["cache", "email", "files"], "default": []}
AGENTS = {"type": "bool", "default": True}
NAME = {"type": "str", "default": "Shop"}
KINDS: dict[str, dict[str, Any]] = {
    "name": NAME,
    "database": DATABASE,
    "queue": QUEUE,
    "features": FEATURES,
    "agents": AGENTS,
}
# A validator that rejects a combination of two answers.
STRICT = KINDS | {
    "queue": QUEUE | {"validator": "{% if database == 'sqlite' and queue == 'celery' %}Celery is too much.{% endif %}"}
}


def questionnaire(questions_by_name: dict[str, dict[str, Any]]) -> Questionnaire:
    return Questionnaire(questions_by_name, rules(questions_by_name))


def tuples(rows: list[dict[str, Any]], strength: int) -> set[tuple[Any, ...]]:
    """Return every tuple of `strength` answers that occurs in the combinations."""
    pairs = [
        [("database", row["database"]), ("queue", row["queue"]), ("agents", row["agents"])]
        + [(feature, feature in row["features"]) for feature in FEATURES["choices"]]
        for row in rows
    ]
    return {combined for row in pairs for combined in choose(row, strength)}


def test_harness_supports_every_question() -> None:
    uncovered = [name for name, question in QUESTIONS.items() if not is_covered(question)]
    assert not uncovered, f"define in `questions.answers` the answers of the harness to {', '.join(uncovered)}"


@pytest.mark.parametrize(
    "question",
    [
        {"type": "str", "when": "{{ database == 'sqlite' }}", "default": ""},
        {"type": "str", "choices": {"Big": {"value": "big", "validator": "no"}}, "default": "big"},
        {"type": "yaml", "default": "[]"},
    ],
    ids=["conditional", "conditional choice", "structured"],
)
def test_conditional_or_complex_question_is_not_supported(question: dict[str, Any]) -> None:
    assert not is_covered(question)


def test_answer_product_has_every_combination() -> None:
    closed = prod(len(answers(question)) for name, question in QUESTIONS.items() if name not in OPEN)
    further = sum(
        (len(answers(QUESTIONS[name])) - 1) * prod(len(answers(QUESTIONS[other])) for other in related)
        for name, related in OPEN.items()
    )
    assert len(list(all_questions().product())) == closed + further


def test_each_domain_is_combined_with_each_database() -> None:
    pairs = {(repr(each["resources"]), each["database"]) for each in all_questions().combinations()}
    assert len(pairs) == len(DOMAINS) * len(answers(QUESTIONS["database"]))


def test_covering_array_has_every_domain() -> None:
    for strength in (2, 3):
        assert len({repr(each["resources"]) for each in code_questions().covering(strength)}) == len(DOMAINS)


def test_covering_array_combines_domain_with_related_answers() -> None:
    rows, allowed = code_questions().covering(3), list(code_questions().combinations())
    for name, related in OPEN.items():
        for other in related:
            every = {(repr(each[name]), each[other]) for each in allowed}
            assert {(repr(row[name]), row[other]) for row in rows} == every


def test_booking_without_accounts_is_rejected() -> None:
    rejected = [each for each in all_questions().further() if all_questions().problem(each)]
    assert {(domain_name(each["resources"]), each["auth"]) for each in rejected} == {("booking", "none")}


def test_questionnaire_excludes_hidden_questions() -> None:
    assert set(QUESTIONS) == set(questions())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (DATABASE, ["postgresql", "sqlite"]),
        (QUEUE | {"default": "celery"}, ["celery", "none", "taskiq"]),
        (AGENTS, [True, False]),
        (NAME, ["Shop"]),
        (FEATURES | {"choices": ["cache", "email"]}, [[], ["cache"], ["email"], ["cache", "email"]]),
    ],
    ids=["choices", "default first", "yes and no", "text", "selections"],
)
def test_answers_to_question_include_every_choice(question: dict[str, Any], expected: list[Any]) -> None:
    assert answers(question) == expected


def test_answer_flips_change_one_choice() -> None:
    assert flips(QUEUE) == [("none", "taskiq"), ("none", "celery"), ("taskiq", "celery")]
    selected = flips(FEATURES | {"choices": ["cache", "email", "files"]})
    assert ([], ["cache"]) in selected
    assert (["cache", "files"], ["cache", "email", "files"]) in selected
    assert len(selected) == 3 + 3 + 1
    assert flips(FEATURES | {"choices": ["cache"]}) == [([], ["cache"])]


def test_combinations_without_validator_are_full_product() -> None:
    assert len(list(questionnaire(KINDS).combinations())) == 2 * 3 * 2**3 * 2


def test_combinations_that_validator_rejects_are_excluded() -> None:
    strict = questionnaire(STRICT)
    rejected = list(strict.rejected())
    assert len(rejected) == 2**3 * 2
    assert all(each["database"] == "sqlite" and each["queue"] == "celery" for each in rejected)
    assert len(list(strict.combinations())) == len(list(strict.product())) - len(rejected)
    assert strict.problem(rejected[0]) == "Celery is too much."


@pytest.mark.parametrize("strength", [1, 2, 3])
@pytest.mark.parametrize("by_name", [KINDS, STRICT], ids=["all", "some rejected"])
def test_covering_array_has_every_allowed_tuple(by_name: dict[str, dict[str, Any]], strength: int) -> None:
    every = questionnaire(by_name)
    possible, rows = list(every.combinations()), every.covering(strength)
    assert tuples(rows, strength) == tuples(possible, strength)
    assert all(row in possible for row in rows)
    assert rows[0] == every.default
    assert len(rows) < len(possible) / 2


def test_covering_array_is_deterministic() -> None:
    assert questionnaire(STRICT).covering(2) == questionnaire(STRICT).covering(2)


def test_unselected_questions_have_only_defaults() -> None:
    about = questionnaire(KINDS).about({"database", "agents"})
    rows = list(about.combinations())
    assert [(row["database"], row["agents"]) for row in rows] == list(product(["postgresql", "sqlite"], [True, False]))
    assert all(row["features"] == [] and row["queue"] == "none" for row in rows)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"features": ["cache", "files"]}, "postgresql-no-queue-cache+files-agents"),
        ({"features": [], "agents": False}, "postgresql-no-queue-no-features-no-agents"),
        ({"database": "sqlite", "queue": "celery"}, "sqlite-celery-no-features-agents"),
    ],
)
def test_combination_label_lists_its_choices(changed: dict[str, Any], expected: str) -> None:
    every = questionnaire(KINDS)
    assert every.label(every.default | changed) == expected


def test_combination_labels_are_unique() -> None:
    for each in (questionnaire(KINDS), all_questions(), code_questions()):
        every = list(each.combinations())
        assert len({each.label(combination) for combination in every}) == len(every)
