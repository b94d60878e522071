"""Validate a service's Copier answers, and order them for the answers file."""

from __future__ import annotations

import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml
from copier.errors import UserMessageError

from .language.parsing import domain_problem, read_domain
from .questionnaire import entries
from .source import recorded_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .language.domain import Resource

LINE_BREAKS = "\u2028\u2029"  # line and paragraph separators; other line breaks are control characters
LONGEST_NAME, LONGEST_DESCRIPTION = 60, 160  # characters: one line of a README, of a `pyproject.toml`


def line_problem(value: object, noun: str, longest: int) -> str:
    """Return an error message if `value` is not a single printable line; empty otherwise."""
    if not isinstance(value, str) or not value.strip():
        return f"A service needs a {noun}."
    if value != value.strip():
        return f"The {noun} starts or ends with a space: remove it."
    if any(character in LINE_BREAKS or unicodedata.category(character)[0] == "C" for character in value):
        return f"The {noun} contains a line break or another control character: remove it."
    if len(value) > longest:
        return f"The {noun} has {len(value)} characters: shorten it to {longest} or less."
    return ""


def name_problem(value: object) -> str:
    """Return an error message with a fix for an invalid `project_name`; empty if the name is valid."""
    return line_problem(value, "name", LONGEST_NAME)


def description_problem(value: object) -> str:
    """Return an error message with a fix for an invalid `project_description`; empty if it is valid."""
    return line_problem(value, "description", LONGEST_DESCRIPTION)


def resources_problem(value: object) -> str:
    """Return an error message with a fix for invalid `resources`, a list or YAML text; empty if valid."""
    if not isinstance(value, str):
        return domain_problem(value)
    try:
        return domain_problem(yaml.safe_load(value))
    except yaml.YAMLError as error:
        return f"Invalid YAML: {' '.join(str(error).split())[:300]}"


def restricted(resources: object) -> list[Resource]:
    """List the resources that only accounts read, as they declare by `read`; empty if `resources` are invalid."""
    if resources_problem(resources):
        return []
    domain = read_domain(yaml.safe_load(resources) if isinstance(resources, str) else resources)
    return [resource for resource in domain if resource.read not in {"", "public"}]


def auth_default(resources: object) -> str:
    """Return the default of `auth`: `none`, unless the readers of a resource need accounts."""
    return "local" if restricted(resources) else "none"


def auth_problem(auth: object, resources: object) -> str:
    """Return an error message if the readers of a resource need accounts, but there are none; empty otherwise."""
    names = restricted(resources)
    if auth != "none" or not names:
        return ""
    declared = f"the resource {names[0].name} declares `read: {names[0].read}`"
    return f"everyone could read everything, but {declared}. Choose local or oidc, or change it to `read: public`."


PROBLEMS: dict[str, Callable[[object], str]] = {
    "project_name": name_problem,
    "project_description": description_problem,
    "resources": resources_problem,
}


def questions() -> dict[str, dict[str, Any]]:
    """Return the questions that a user can answer, from `copier.yml` and from a fork's own file."""
    return {name: entry for name, entry in entries().items() if entry.get("when") is not False}


def choices_of(question: Mapping[str, Any]) -> list[str]:
    """Return the choices of a question; empty if it has none, or if a Jinja template computes them."""
    choices = question.get("choices", [])
    if isinstance(choices, str):
        return []
    values = choices.values() if isinstance(choices, dict) else choices
    plain = (value[1] if isinstance(value, list) else value for value in values)
    return [str(value["value"] if isinstance(value, dict) else value) for value in plain]


def recorded(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers to write to the answers file, in the order of the questions."""
    if "_src_path" in answers:
        source = recorded_source(answers["_src_path"], answers.get("_commit", ""))
        answers = {**answers, "_src_path": source}
    order = list(questions())
    places = {name: place for place, name in enumerate(order)}
    return dict(sorted(answers.items(), key=lambda item: -1 if item[0][0] == "_" else places.get(item[0], len(order))))


def choice_problem(question: Mapping[str, Any], value: object) -> str:
    """Return an error message if a question has choices and `value` is none of them; empty otherwise."""
    values = choices_of(question)
    answers = parsed_selection(value) if question.get("multiselect") else [value]
    if not isinstance(answers, list):
        return f"{value!r} is not a list: choose any of {', '.join(values)}."
    wrong = [answer for answer in answers if str(answer) not in values]
    return f"{wrong[0]!r} is not a choice: choose one of {', '.join(values)}." if values and wrong else ""


def parsed_selection(value: object) -> object:
    """Parse the answer to a multiselect question, which the command line passes as YAML text."""
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def always_recorded(known: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the names of the questions whose answers are in every answers file."""
    return {name for name, entry in known.items() if "when" not in entry and not entry.get("secret")}


def unknown_problem(name: str, known: Mapping[str, Any]) -> str:
    """Return the error message for an unknown question, with the most similar question as a suggestion."""
    if name in entries():
        return "the template computes it: remove this answer."
    near = get_close_matches(name, known, n=1)
    fix = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    return f"unknown question. {fix}"


def validated(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Validate the answers from the command line before Copier writes a file, and return them.

    Raises:
        UserMessageError: a question or choice is unknown, or a text is invalid; Copier prints it on one line.
    """
    known = questions()
    is_update = always_recorded(known) <= answers.keys()  # which passes answers to questions of older releases, too
    for name, value in answers.items():
        if name not in known and name not in entries() and is_update:
            continue
        check = PROBLEMS.get(name)
        problem = unknown_problem(name, known) if name not in known else check(value) if check else ""
        problem = problem or choice_problem(known[name], value)
        if problem:
            raise UserMessageError(f"{name}: {problem}")
    if problem := auth_problem(answers.get("auth"), answers.get("resources", [])):
        raise UserMessageError(f"auth: {problem}")
    return dict(answers)
