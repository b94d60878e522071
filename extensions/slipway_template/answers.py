"""Checks of answers, and the order in which they are recorded."""

from __future__ import annotations

import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml
from copier.errors import UserMessageError

from .language.parsing import domain_problem
from .questionnaire import entries
from .source import recorded_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LINE_BREAKS = "\u2028\u2029"  # of Unicode; the others are control characters
LONGEST_NAME, LONGEST_DESCRIPTION = 60, 160  # characters: one line of a README, of a `pyproject.toml`


def line_problem(value: object, called: str, longest: int) -> str:
    """Say what keeps `value` from being one printable line; nothing when it is one."""
    if not isinstance(value, str) or not value.strip():
        return f"A service needs a {called}."
    if value != value.strip():
        return f"The {called} starts or ends with a space; leave it out."
    if any(character in LINE_BREAKS or unicodedata.category(character)[0] == "C" for character in value):
        return f"The {called} holds a line break or another control character; leave it out."
    if len(value) > longest:
        return f"The {called} has {len(value)} characters; {longest} is the most."
    return ""


def name_problem(value: object) -> str:
    """Say what is wrong with a `project_name`, and the mend."""
    return line_problem(value, "name", LONGEST_NAME)


def description_problem(value: object) -> str:
    """Say what is wrong with a `project_description`, and the mend."""
    return line_problem(value, "description", LONGEST_DESCRIPTION)


def resources_problem(value: object) -> str:
    """Return what is wrong with the domain, and the fix; on the command line, it is a string of YAML."""
    if not isinstance(value, str):
        return domain_problem(value)
    try:
        return domain_problem(yaml.safe_load(value))
    except yaml.YAMLError as error:
        return f"It is no YAML: {' '.join(str(error).split())[:300]}"


PROBLEMS: dict[str, Callable[[object], str]] = {
    "project_name": name_problem,
    "project_description": description_problem,
    "resources": resources_problem,
}


def questions() -> dict[str, dict[str, Any]]:
    """Give the questions that a person may answer: those of `copier.yml`, and those that a fork adds."""
    return {name: entry for name, entry in entries().items() if entry.get("when") is not False}


def offered(question: Mapping[str, Any]) -> list[str]:
    """List what a question offers, in any of the ways in which Copier takes it; nothing when that is computed."""
    choices = question.get("choices", [])
    if isinstance(choices, str):
        return []
    values = choices.values() if isinstance(choices, dict) else choices
    plain = (value[1] if isinstance(value, list) else value for value in values)
    return [str(value["value"] if isinstance(value, dict) else value) for value in plain]


def recorded(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded, in the order of the questions, so that an update writes what a copy does."""
    if "_src_path" in answers:
        source = recorded_source(answers["_src_path"], answers.get("_commit", ""))
        answers = {**answers, "_src_path": source}
    order = list(questions())
    places = {name: place for place, name in enumerate(order)}
    return dict(sorted(answers.items(), key=lambda item: -1 if item[0][0] == "_" else places.get(item[0], len(order))))


def choice_problem(question: Mapping[str, Any], value: object) -> str:
    """Say what of `value` is none of the question's choices; nothing when all is, or when it has none."""
    values = offered(question)
    answered = selected(value) if question.get("multiselect") else [value]
    if not isinstance(answered, list):
        return f"{value!r} is no list; it may hold any of {', '.join(values)}."
    wrong = [answer for answer in answered if str(answer) not in values]
    return f"{wrong[0]!r} is none of {', '.join(values)}." if values and wrong else ""


def selected(value: object) -> object:
    """Read the answer to a question that takes several; on the command line, it is text that holds YAML."""
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def always_recorded(known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Name the questions whose answers every service has a record of."""
    return {name for name, entry in known.items() if "when" not in entry and not entry.get("secret")}


def unknown_problem(name: str, known: Mapping[str, Any]) -> str:
    """Say that nobody is asked this, and what might have been meant."""
    if name in entries():
        return "it is decided by the template, and cannot be answered. Leave it out."
    near = get_close_matches(name, known, n=1)
    mend = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return f"there is no such question. {mend}"


def given(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Pass on the answers that were given on the command line; refuse unknown questions, choices and bad text.

    Raises `UserMessageError`, which Copier tells in one line, before anything is written.
    """
    known = questions()
    recorded = always_recorded(known) <= answers.keys()  # by an update, which hands on what an older release asked, too
    for name, value in answers.items():
        if name not in known and name not in entries() and recorded:
            continue
        check = PROBLEMS.get(name)
        problem = unknown_problem(name, known) if name not in known else check(value) if check else ""
        problem = problem or choice_problem(known[name], value)
        if problem:
            raise UserMessageError(f"{name}: {problem}")
    return dict(answers)
