"""Every combination of answers, read from `copier.yml` itself, so that no new choice can be forgotten."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from extensions.plan import questions

if TYPE_CHECKING:
    from collections.abc import Mapping

Answers = dict[str, Any]


def choices(question: Mapping[str, Any]) -> list[Any]:
    """List what a question offers; nothing when it asks for text."""
    offered = question.get("choices", [])
    return list(offered.values()) if isinstance(offered, dict) else list(offered)


def axis(question: Mapping[str, Any]) -> list[Any]:
    """List the answers that the harness gives to a question: each choice, or the default of one that asks for text."""
    return choices(question) or [question["default"]]


def is_covered(question: Mapping[str, Any]) -> bool:
    """Say whether `axis` does the question justice: it is always asked, and takes one choice or a line of text."""
    return "when" not in question and not question.get("multiselect") and question["type"] == "str"


def label(answers: Answers) -> str:
    """Name a combination by its choices: `postgresql-github-3.13`."""
    return "-".join(str(answers[name]) for name, question in questions().items() if choices(question))


def combine(asked: Mapping[str, Mapping[str, Any]]) -> list[Answers]:
    """Give each question each of its answers, with all the answers of the others."""
    axes = {name: axis(question) for name, question in asked.items()}
    return [dict(zip(axes, answers, strict=True)) for answers in product(*axes.values())]


COMBINATIONS = {label(answers): answers for answers in combine(questions())}
DEFAULT = next(iter(COMBINATIONS))
