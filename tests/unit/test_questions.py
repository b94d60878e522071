from __future__ import annotations

from itertools import combinations as choose
from itertools import product
from math import prod
from typing import Any

import pytest

from extensions.plan import questions
from extensions.questionnaire import described
from tests.harness.combinations.domains import DOMAINS
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

RAW = described(ROOT)
ASKED = {name: entry for name, entry in RAW.items() if name[0] != "_" and entry.get("when") is not False}

# The kinds of question that there are, at a size at which every combination can be looked at.
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
# Two answers that do not go together, as `copier.yml` would say it.
STRICT = KINDS | {
    "queue": QUEUE | {"validator": "{% if database == 'sqlite' and queue == 'celery' %}Celery is too much.{% endif %}"}
}


def questionnaire(asked: dict[str, dict[str, Any]]) -> Questionnaire:
    return Questionnaire(asked, rules(asked))


def meetings(rows: list[dict[str, Any]], strength: int) -> set[tuple[Any, ...]]:
    """List which answers meet in which rows; what can be selected together counts one by one."""
    facts = [
        [("database", row["database"]), ("queue", row["queue"]), ("agents", row["agents"])]
        + [(feature, feature in row["features"]) for feature in FEATURES["choices"]]
        for row in rows
    ]
    return {meeting for row in facts for meeting in choose(row, strength)}


def test_every_question_is_covered() -> None:
    forgotten = [name for name, question in ASKED.items() if not is_covered(question)]
    assert not forgotten, f"say in `questions.answers` which answers the harness gives to {', '.join(forgotten)}"


@pytest.mark.parametrize(
    "question",
    [
        {"type": "str", "when": "{{ database == 'sqlite' }}", "default": ""},
        {"type": "str", "choices": {"Big": {"value": "big", "validator": "no"}}, "default": "big"},
        {"type": "yaml", "default": "[]"},
    ],
    ids=["conditional", "conditional choice", "structured"],
)
def test_a_question_of_another_kind_is_not_covered(question: dict[str, Any]) -> None:
    assert not is_covered(question)


def test_no_combination_is_left_out() -> None:
    closed = prod(len(answers(question)) for name, question in ASKED.items() if name not in OPEN)
    further = sum(
        (len(answers(ASKED[name])) - 1) * prod(len(answers(ASKED[other])) for other in met)
        for name, met in OPEN.items()
    )
    assert len(list(all_questions().product())) == closed + further


def test_each_domain_meets_each_database() -> None:
    met = {(repr(given["resources"]), given["database"]) for given in all_questions().combinations()}
    assert len(met) == len(DOMAINS) * len(answers(ASKED["database"]))


def test_each_domain_is_among_few_combinations() -> None:
    for strength in (2, 3):
        assert len({repr(given["resources"]) for given in code_questions().covering(strength)}) == len(DOMAINS)


def test_each_domain_meets_each_answer_that_may_matter_among_more() -> None:
    rows = code_questions().covering(3)
    for name, met in OPEN.items():
        for other in met:
            every = len(answers(ASKED[name])) * len(answers(ASKED[other]))
            assert len({(repr(row[name]), row[other]) for row in rows}) == every


def test_hidden_questions_are_not_answered() -> None:
    assert set(ASKED) == set(questions())


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
def test_a_question_gets_every_answer(question: dict[str, Any], expected: list[Any]) -> None:
    assert answers(question) == expected


def test_answers_are_flipped_one_by_one() -> None:
    assert flips(QUEUE) == [("none", "taskiq"), ("none", "celery"), ("taskiq", "celery")]
    selected = flips(FEATURES | {"choices": ["cache", "email", "files"]})
    assert ([], ["cache"]) in selected
    assert (["cache", "files"], ["cache", "email", "files"]) in selected
    assert len(selected) == 3 + 3 + 1
    assert flips(FEATURES | {"choices": ["cache"]}) == [([], ["cache"])]


def test_every_answer_meets_every_other() -> None:
    assert len(list(questionnaire(KINDS).combinations())) == 2 * 3 * 2**3 * 2


def test_what_a_validator_refuses_is_no_combination() -> None:
    strict = questionnaire(STRICT)
    refused = list(strict.refused())
    assert len(refused) == 2**3 * 2
    assert all(given["database"] == "sqlite" and given["queue"] == "celery" for given in refused)
    assert len(list(strict.combinations())) == len(list(strict.product())) - len(refused)
    assert strict.refuse(refused[0]) == "Celery is too much."


@pytest.mark.parametrize("strength", [1, 2, 3])
@pytest.mark.parametrize("asked", [KINDS, STRICT], ids=["all", "some refused"])
def test_a_covering_array_covers(asked: dict[str, dict[str, Any]], strength: int) -> None:
    """Whatever can meet does, and nothing that is refused is among the rows."""
    every = questionnaire(asked)
    possible, rows = list(every.combinations()), every.covering(strength)
    assert meetings(rows, strength) == meetings(possible, strength)
    assert all(row in possible for row in rows)
    assert rows[0] == every.default
    assert len(rows) < len(possible) / 2


def test_a_covering_array_is_the_same_each_time() -> None:
    assert questionnaire(STRICT).covering(2) == questionnaire(STRICT).covering(2)


def test_what_is_left_aside_stays_at_its_default() -> None:
    about = questionnaire(KINDS).about({"database", "agents"})
    given = list(about.combinations())
    assert [(row["database"], row["agents"]) for row in given] == list(product(["postgresql", "sqlite"], [True, False]))
    assert all(row["features"] == [] and row["queue"] == "none" for row in given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"features": ["cache", "files"]}, "postgresql-no-queue-cache+files-agents"),
        ({"features": [], "agents": False}, "postgresql-no-queue-no-features-no-agents"),
        ({"database": "sqlite", "queue": "celery"}, "sqlite-celery-no-features-agents"),
    ],
)
def test_a_combination_is_named_by_its_choices(given: dict[str, Any], expected: str) -> None:
    every = questionnaire(KINDS)
    assert every.label(every.default | given) == expected


def test_names_differ() -> None:
    for asked in (questionnaire(KINDS), all_questions(), code_questions()):
        every = list(asked.combinations())
        assert len({asked.label(given) for given in every}) == len(every)
