"""The questions of `copier.yml` as axes: every combination of their answers, so that no new choice can be forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from copier._jinja_ext import SandboxedEnvironment
from covertable import make
from jinja2 import StrictUndefined, meta

from extensions.catalogue import Catalogue
from extensions.plan import Plan, questions
from tests.harness.combinations.domains import DOMAINS, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jinja2 import Template

PAIRS = 2
Answers = dict[str, Any]
Question = dict[str, Any]

# What these decide surrounds the code; `test_combinations.py` holds that no line of code depends on them.
SURROUNDINGS = frozenset({"ci", "deploy", "agents", "python_version"})
# What is open has more answers than can be listed. Those beyond the first meet all answers to these questions, and only
# the first to each of the others: a domain and a feature meet in the code that each service has of its own.
OPEN = {"resources": ("auth", "database")}


def choices(question: Mapping[str, Any]) -> list[Any]:
    """List what a question offers; nothing when it offers no choice."""
    offered = question.get("choices", [])
    return list(offered.values()) if isinstance(offered, dict) else list(offered)


def is_covered(question: Mapping[str, Any]) -> bool:
    """Say whether `answers` does the question justice: it is always asked, and takes choices, yes or no, or a line."""
    plain = all(isinstance(choice, str) for choice in choices(question))
    return "when" not in question and (is_domain(question) or question["type"] in {"str", "bool"}) and plain


def is_domain(question: Mapping[str, Any]) -> bool:
    return question["type"] == "yaml" and "resources_problem" in question.get("validator", "")


def subsets(offered: list[Any]) -> list[list[Any]]:
    """List every selection of what is offered, from none to all."""
    return [list(some) for size in range(len(offered) + 1) for some in combinations(offered, size)]


def answers(question: Mapping[str, Any]) -> list[Any]:
    """List what the harness answers: each choice or selection, yes and no, or the default text; the default first."""
    if is_domain(question):
        return list(DOMAINS.values())
    default = question["default"]
    offered = choices(question)
    possible = [True, False] if question["type"] == "bool" else offered or [default]
    return sorted(subsets(offered) if question.get("multiselect") else possible, key=lambda answer: answer != default)


def flips(question: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """List pairs of answers: every one, or those of selections in which one choice comes or goes, or all do.

    One choice comes to nothing, or as the last to all others.
    """
    if not question.get("multiselect"):
        return list(combinations(answers(question), 2))
    every = choices(question)
    firsts: list[tuple[Any, Any]] = [([], [choice]) for choice in every]
    lasts = [([other for other in every if other != choice], every) for choice in every]
    return [*firsts, *(pair for pair in lasts if pair not in firsts), *([([], every)] if len(every) > 1 else [])]


def word(name: str, answer: Any) -> str:  # noqa: ANN401 - as the question has it
    """Say what was answered to one question, in a word that no other question's answer is: `sqlite`, `no-ci`."""
    if name in OPEN:
        return name_of(answer)
    if isinstance(answer, list):
        answer = "+".join(answer) or False
    return f"no-{name}" if answer in ("none", False) else name if answer is True else str(answer)


@dataclass(frozen=True)
class Rule:
    """A validator of `copier.yml` that refuses some answers to the questions `about` which it is."""

    about: frozenset[str]
    validator: Template
    said: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # by what it read

    def refuse(self, given: Mapping[str, Any]) -> str:
        """Say why these answers do not go together; nothing when they do."""
        read = repr([given[name] for name in sorted(self.about)])
        if read not in self.said:
            self.said[read] = self.validator.render(given).strip()
        return self.said[read]


@dataclass(frozen=True)
class Questionnaire:
    """Questions, and the rules that refuse some combinations of their answers."""

    questions: Mapping[str, Question]
    rules: tuple[Rule, ...]

    def refuse(self, given: Answers) -> str:
        """Say why a combination is refused; nothing when it is not."""
        return next(filter(None, (rule.refuse(given) for rule in self.rules)), "")

    @property
    def chosen(self) -> dict[str, list[Any]]:
        """The answers to each question that offers more than one."""
        return {name: found for name, question in self.questions.items() if len(found := answers(question)) > 1}

    @property
    def default(self) -> Answers:
        return {name: answers(question)[0] for name, question in self.questions.items()}

    def product(self) -> Iterator[Answers]:
        """Give each question each of its answers, with all the answers of the others."""
        axes = [answers(question)[: 1 if name in OPEN else None] for name, question in self.questions.items()]
        yield from (dict(zip(self.questions, given, strict=True)) for given in product(*axes))
        yield from self.further()

    def further(self) -> Iterator[Answers]:
        """Give an open question its other answers, with all the answers of those that it meets."""
        for name in OPEN.keys() & self.questions.keys():
            met = [other for other in self.questions if other in OPEN[name]]
            for answer in answers(self.questions[name])[1:]:
                for given in product(*(answers(self.questions[other]) for other in met)):
                    yield self.default | {name: answer} | dict(zip(met, given, strict=True))

    def combinations(self) -> Iterator[Answers]:
        return (given for given in self.product() if not self.refuse(given))

    def refused(self) -> Iterator[Answers]:
        return (given for given in self.product() if self.refuse(given))

    def about(self, names: set[str] | frozenset[str]) -> Questionnaire:
        """Leave the answers to all other questions at their defaults."""
        fixed = {name: {"type": "str", "default": default} for name, default in self.default.items()}
        return Questionnaire(
            {name: self.questions[name] if name in names else fixed[name] for name in fixed}, self.rules
        )

    def covering(self, strength: int) -> list[Answers]:
        """List few combinations, the default first, in which any `strength` answers that may meet do meet.

        From pairs on, each further answer to an open question is among them; from triples on, with each that it meets,
        the last of them in turn.
        """
        factors = {name: values for name, question in self.questions.items() for name, values in parts(name, question)}
        rows = make(
            factors,
            strength=min(strength, len(factors)),
            presets=[split(self.questions, self.default)],
            constraints=[constraint(rule, self.questions) for rule in self.rules],
        )
        found = [joined(self.questions, row) for row in rows]
        further = [given for given in self.further() if not self.refuse(given)]
        return found + (alternate(further, thrifty=strength == PAIRS) if strength >= PAIRS else [])

    def label(self, given: Answers) -> str:
        """Name a combination by its choices: `postgresql-github-3.13`."""
        return "-".join(word(name, given[name]) for name in self.chosen)


def parts(name: str, question: Question) -> Iterator[tuple[str, list[Any]]]:
    """Name the independent parts of a question: itself, or each of the choices that can be selected together."""
    if question.get("multiselect"):
        selected = question["default"]
        yield from ((f"{name}: {choice}", [choice in selected, choice not in selected]) for choice in choices(question))
    else:
        yield name, answers(question)[: 1 if name in OPEN else None]


def alternate(further: list[Answers], *, thrifty: bool) -> list[Answers]:
    """Take few combinations for each answer to an open question: one, or one for each but the last that it meets.

    What is not taken with each of its answers is taken with these in turn.
    """
    told = [*OPEN, *(name for met in OPEN.values() if not thrifty for name in met[:-1])]
    grouped: dict[str, list[Answers]] = {}
    for given in further:
        grouped.setdefault(repr([given[name] for name in told]), []).append(given)
    return [group[number % len(group)] for number, group in enumerate(grouped.values())]


def split(asked: Mapping[str, Question], given: Answers) -> Answers:
    """Give each part of each question its part of the answer."""
    several = {name: question for name, question in asked.items() if question.get("multiselect")}
    parted = {
        f"{name}: {choice}": choice in given[name] for name, question in several.items() for choice in choices(question)
    }
    return {name: answer for name, answer in given.items() if name not in several} | parted


def joined(asked: Mapping[str, Question], row: Mapping[str, Any]) -> Answers:
    """Put the parts of the answers together again."""
    return {
        name: [choice for choice in choices(question) if row[f"{name}: {choice}"]]
        if question.get("multiselect")
        else row[name]
        for name, question in asked.items()
    }


def constraint(rule: Rule, asked: Mapping[str, Question]) -> dict[str, Any]:
    """Write a rule as `covertable` reads it."""
    concerned = {name: question for name, question in asked.items() if name in rule.about}
    required = [part for name, question in concerned.items() for part, _ in parts(name, question)]
    return {
        "operator": "fn",
        "requires": required,
        "evaluate": lambda row: not rule.refuse(joined(concerned, row)),
    }


def rules(asked: Mapping[str, Question]) -> tuple[Rule, ...]:
    """Read the validators of questions that offer more than one answer."""
    environment = SandboxedEnvironment(extensions=[Catalogue, Plan], undefined=StrictUndefined, autoescape=False)
    sources = [question.get("validator", "") for question in asked.values() if len(answers(question)) > 1]
    return tuple(
        Rule(
            frozenset(meta.find_undeclared_variables(environment.parse(source))) & asked.keys(),
            environment.from_string(source),
        )
        for source in filter(None, sources)
    )


@cache
def all_questions() -> Questionnaire:
    """Read what `copier.yml` asks."""
    asked = questions()
    return Questionnaire(asked, rules(asked))


@cache
def code_questions() -> Questionnaire:
    """Leave out what only decides what surrounds the code."""
    asked = all_questions()
    return asked.about(asked.questions.keys() - SURROUNDINGS)
