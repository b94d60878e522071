"""The questions of `copier.yml`, and every combination of their answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from copier._jinja_ext import SandboxedEnvironment
from covertable import make
from jinja2 import StrictUndefined, meta

from extensions.load import Slipway
from extensions.slipway_template.answers import questions
from tests.harness.combinations.domains import DOMAINS, domain_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jinja2 import Template

PAIRS = 2
Answers = dict[str, Any]
Question = dict[str, Any]

# Questions that do not affect code, as `test_combinations.py` asserts.
SURROUNDINGS = frozenset({"ci", "deploy", "agents", "python_version"})
# Open questions have unlimited answers. Their answers after the first are combined with all answers to these related
# questions, and with the default of the others: a domain and a feature meet only in code that every service has.
OPEN = {"resources": ("auth", "database")}


def choices(question: Mapping[str, Any]) -> list[Any]:
    """Return the choices of a question; empty for a question without choices."""
    offered = question.get("choices", [])
    return list(offered.values()) if isinstance(offered, dict) else list(offered)


def is_covered(question: Mapping[str, Any]) -> bool:
    """Return whether the harness can enumerate the answers to a question.

    It must be unconditional, with plain choices, a boolean or one line.
    """
    plain = all(isinstance(choice, str) for choice in choices(question))
    return "when" not in question and (is_domain(question) or question["type"] in {"str", "bool"}) and plain


def is_domain(question: Mapping[str, Any]) -> bool:
    return question["type"] == "yaml" and "resources_problem" in question.get("validator", "")


def subsets(offered: list[Any]) -> list[list[Any]]:
    """Return every subset of the choices, from none to all."""
    return [list(some) for size in range(len(offered) + 1) for some in combinations(offered, size)]


def answers(question: Mapping[str, Any]) -> list[Any]:
    """Return the answers that the harness tries for a question, the default first."""
    if is_domain(question):
        return list(DOMAINS.values())
    default = question["default"]
    offered = choices(question)
    possible = [True, False] if question["type"] == "bool" else offered or [default]
    return sorted(subsets(offered) if question.get("multiselect") else possible, key=lambda answer: answer != default)


def flips(question: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Return the pairs of answers to a question whose services a test compares.

    All pairs; for a multiselect, only those that add a choice to none or to all others, and none with all.
    """
    if not question.get("multiselect"):
        return list(combinations(answers(question), 2))
    every = choices(question)
    firsts: list[tuple[Any, Any]] = [([], [choice]) for choice in every]
    lasts = [([other for other in every if other != choice], every) for choice in every]
    return [*firsts, *(pair for pair in lasts if pair not in firsts), *([([], every)] if len(every) > 1 else [])]


def answer_label(name: str, answer: Any) -> str:  # noqa: ANN401 - any type of answer
    """Return the label of an answer, unique among all questions: `sqlite`, `no-ci`."""
    if name in OPEN:
        return domain_name(answer)
    if isinstance(answer, list):
        answer = "+".join(answer) or False
    return f"no-{name}" if answer in ("none", False) else name if answer is True else str(answer)


@dataclass(frozen=True)
class Rule:
    """A validator in `copier.yml`, and the questions (`about`) whose answers it reads."""

    about: frozenset[str]
    validator: Template
    messages: dict[str, str] = field(default_factory=dict, compare=False, repr=False)  # by the validated answers

    def problem(self, combination: Mapping[str, Any]) -> str:
        """Return the validator's message; empty if it accepts the answers."""
        key = repr([combination[name] for name in sorted(self.about)])
        if key not in self.messages:
            self.messages[key] = self.validator.render(combination).strip()
        return self.messages[key]


@dataclass(frozen=True)
class Questionnaire:
    """Questions with their possible answers, and the validators that reject combinations."""

    questions: Mapping[str, Question]
    rules: tuple[Rule, ...]

    def problem(self, combination: Answers) -> str:
        """Return the message of the first rule that rejects a combination; empty if all accept it."""
        return next(filter(None, (rule.problem(combination) for rule in self.rules)), "")

    @cached_property
    def varying(self) -> dict[str, list[Any]]:
        """Return each question with more than one answer, and its answers."""
        axes = {name: answers(question) for name, question in self.questions.items()}
        return {name: values for name, values in axes.items() if len(values) > 1}

    @property
    def default(self) -> Answers:
        return {name: answers(question)[0] for name, question in self.questions.items()}

    def product(self) -> Iterator[Answers]:
        """Yield every combination of answers.

        Open questions contribute their first answer to the product, and the other answers through `further`.
        """
        axes = [answers(question)[: 1 if name in OPEN else None] for name, question in self.questions.items()]
        yield from (dict(zip(self.questions, combination, strict=True)) for combination in product(*axes))
        yield from self.further()

    def further(self) -> Iterator[Answers]:
        """Yield each non-default answer to an open question with all answers to related questions."""
        for name in OPEN.keys() & self.questions.keys():
            related = [other for other in self.questions if other in OPEN[name]]
            for answer in answers(self.questions[name])[1:]:
                for combination in product(*(answers(self.questions[other]) for other in related)):
                    yield self.default | {name: answer} | dict(zip(related, combination, strict=True))

    def combinations(self) -> Iterator[Answers]:
        return (combination for combination in self.product() if not self.problem(combination))

    def rejected(self) -> Iterator[Answers]:
        return (combination for combination in self.product() if self.problem(combination))

    def about(self, names: set[str] | frozenset[str]) -> Questionnaire:
        """Return a questionnaire in which only the given questions vary and all others have their default."""
        fixed = {name: {"type": "str", "default": default} for name, default in self.default.items()}
        return Questionnaire(
            {name: self.questions[name] if name in names else fixed[name] for name in fixed}, self.rules
        )

    def covering(self, strength: int) -> list[Answers]:
        """Return a covering array: a few combinations that contain every allowed tuple of `strength` answers.

        From pairs on, it has each further answer to an open question; from triples on, also with every answer to all
        related questions but the last.
        """
        factors = {name: values for name, question in self.questions.items() for name, values in parts(name, question)}
        rows = make(
            factors,
            strength=min(strength, len(factors)),
            presets=[split(self.questions, self.default)],
            constraints=[constraint(rule, self.questions) for rule in self.rules],
        )
        array = [joined(self.questions, row) for row in rows]
        further = [combination for combination in self.further() if not self.problem(combination)]
        return array + (alternate(further, thrifty=strength == PAIRS) if strength >= PAIRS else [])

    def label(self, combination: Answers) -> str:
        """Return the label of a combination: `postgresql-github-3.13`."""
        return "-".join(answer_label(name, combination[name]) for name in self.varying)


def parts(name: str, question: Question) -> Iterator[tuple[str, list[Any]]]:
    """Yield the factors of the covering array for a question, one per choice of a multiselect."""
    if question.get("multiselect"):
        selected = question["default"]
        yield from ((f"{name}: {choice}", [choice in selected, choice not in selected]) for choice in choices(question))
    else:
        yield name, answers(question)[: 1 if name in OPEN else None]


def alternate(further: list[Answers], *, thrifty: bool) -> list[Answers]:
    """Select one combination for each answer to an open question.

    The answers to related questions alternate. Unless `thrifty`, select one for each combination with all related
    questions but the last.
    """
    grouped_by = [*OPEN, *(name for related in OPEN.values() if not thrifty for name in related[:-1])]
    grouped: dict[str, list[Answers]] = {}
    for combination in further:
        grouped.setdefault(repr([combination[name] for name in grouped_by]), []).append(combination)
    return [group[number % len(group)] for number, group in enumerate(grouped.values())]


def split(questions_by_name: Mapping[str, Question], combination: Answers) -> Answers:
    """Split the answers to multiselects into one boolean per choice."""
    several = {name: question for name, question in questions_by_name.items() if question.get("multiselect")}
    booleans = {
        f"{name}: {choice}": choice in combination[name]
        for name, question in several.items()
        for choice in choices(question)
    }
    return {name: answer for name, answer in combination.items() if name not in several} | booleans


def joined(questions_by_name: Mapping[str, Question], row: Mapping[str, Any]) -> Answers:
    """Convert a row of the covering array to answers, with a list of choices per multiselect."""
    return {
        name: [choice for choice in choices(question) if row[f"{name}: {choice}"]]
        if question.get("multiselect")
        else row[name]
        for name, question in questions_by_name.items()
    }


def constraint(rule: Rule, questions_by_name: Mapping[str, Question]) -> dict[str, Any]:
    """Convert a rule to a constraint of the library `covertable`."""
    concerned = {name: question for name, question in questions_by_name.items() if name in rule.about}
    required = [part for name, question in concerned.items() for part, _ in parts(name, question)]
    return {
        "operator": "fn",
        "requires": required,
        "evaluate": lambda row: not rule.problem(joined(concerned, row)),
    }


def rules(questions_by_name: Mapping[str, Question]) -> tuple[Rule, ...]:
    """Parse the validators of questions with more than one answer."""
    environment = SandboxedEnvironment(extensions=[Slipway], undefined=StrictUndefined, autoescape=False)
    sources = [question.get("validator", "") for question in questions_by_name.values() if len(answers(question)) > 1]
    return tuple(
        Rule(
            frozenset(meta.find_undeclared_variables(environment.parse(source))) & questions_by_name.keys(),
            environment.from_string(source),
        )
        for source in filter(None, sources)
    )


@cache
def all_questions() -> Questionnaire:
    """Return the questionnaire of all questions in `copier.yml`."""
    asked = questions()
    return Questionnaire(asked, rules(asked))


@cache
def code_questions() -> Questionnaire:
    """Return the questionnaire of questions that affect code, without those for pipelines and deployment."""
    questionnaire = all_questions()
    return questionnaire.about(questionnaire.questions.keys() - SURROUNDINGS)
