"""Every answer changes a file, and an omitted feature leaves no trace in shared files."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from extensions.slipway_template.catalogue import FEATURES, SERVICE, chosen
from extensions.slipway_template.catalogue.model import Command, Feature
from extensions.slipway_template.footprint import covers
from extensions.slipway_template.plan import features_of_types, parse_answers
from tests.harness.checks import requirements
from tests.harness.combinations.facts import RECORD
from tests.harness.combinations.questions import SURROUNDINGS, all_questions, flips
from tests.harness.findings import assert_no_findings, format_findings

if TYPE_CHECKING:
    from tests.harness.combinations.matrix import Matrix
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

CHANGES = {
    f"{name}: {one} or {other}": (name, one, other)
    for name, question in all_questions().questions.items()
    for one, other in flips(question)
}


@cache
def labels() -> frozenset[str]:
    return frozenset(all_questions().label(combination) for combination in all_questions().combinations())


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "one", "other"), CHANGES.values(), ids=CHANGES)
def test_answer_changes_files(name: str, one: object, other: object, matrix: Matrix) -> None:
    """Compare renderings that differ in one answer, for all pairs of the other answers."""

    def exists(combination: Answers) -> bool:
        return {all_questions().label(combination | {name: answer}) for answer in (one, other)} <= labels()

    def composed(combination: Answers, answer: object) -> object:
        return matrix.compose(matrix.file_facts.combination(combination | {name: answer}))

    rows = all_questions().about(all_questions().questions.keys() - {name}).covering(2)
    with_accounts = [row | {"auth": "local"} for row in rows]  # the readers of some resources need accounts
    rest = list(filter(exists, rows + with_accounts))
    assert rest
    assert [combination for combination in rest if composed(combination, one) == composed(combination, other)] == []


# Distributions whose names are common words: a trace only where they are required or imported.
WORDS = {"limits", "websockets"}
COMMAND = "slipway.py"  # names every host of sources, whatever runs the service's CI


PRINT_COMMANDS = ("README.md", "app/__main__.py")  # with texts of the chosen features, such as "SQLite" of PostgreSQL

BOTH = {"development/revisions/conversions.py": {"postgresql"}}  # its revisions run on either database


@cache
def distribution(requirement: str) -> str:
    return Requirement(requirement).name


def marks(feature: Feature, others: list[Feature]) -> set[str]:
    """Return the words that identify a feature: its name, and the requirements and settings that only it has."""
    own = {distribution(line) for line in requirements.of(feature)} | {setting.name for setting in feature.settings}
    theirs = {distribution(line) for other in others for line in requirements.of(other)}
    names = set() if feature.is_word else {feature.name}
    return names | own - theirs - {setting.name for other in others for setting in other.settings}


@cache
def lowered(text: str) -> str:
    return text.lower()


@cache  # many services share files
def contains(text: str, word: str) -> bool:
    """Return whether a text contains a word, also as a part of an identifier."""
    if word.lower() not in lowered(text):  # fast path
        return False
    before = "(?:from|import) |[\"']" if word in WORDS else "(?<![a-z0-9])"
    return re.search(rf"(?i)(?:{before}){re.escape(word)}(?![a-z0-9])", text) is not None


def traces(files: dict[str, str], included: list[Feature], omitted: list[Feature]) -> list[str]:
    """Return the files that name an omitted feature, although no included feature owns them."""
    words = {mark for feature in omitted for mark in marks(feature, included)}
    names = [feature.name for feature in included]
    owned = [entry for feature in included if feature != SERVICE for entry in feature.paths]
    strange = [path for path in files if not any(covers(entry, path) for entry in owned)]
    shared = [path for path in strange if not any(contains(path, name) for name in names)]
    named = [path for path in strange for feature in omitted if contains(path, feature.name)]
    printed = " ".join(text for feature in included for command in feature.commands for text in texts(command))
    expected = BOTH | {path: {word for word in words if contains(printed, word)} for path in PRINT_COMMANDS}
    return named + [
        f"{path}: {word}"
        for path in shared
        for word in sorted(words - expected.get(path, set()))
        if contains(files[path], word)
    ]


def texts(command: Command) -> tuple[str, ...]:
    """Return the texts of a feature's command that shared files contain."""
    return command.module, command.meaning, command.done, *(argument.meaning for argument in command.takes)


def traces_of(service: Service) -> list[str]:
    names, domain = parse_answers(service.answers)
    around = [name if service.answers[name] is True else service.answers[name] for name in SURROUNDINGS]
    surroundings = {choice for answer in around for choice in (answer if isinstance(answer, list) else [answer])}
    included = [*chosen(names | surroundings), *features_of_types(domain)]
    read = {path: file for path, file in service.files.items() if path not in {RECORD, COMMAND}}
    files = {path: file.text for path, file in read.items()}
    return traces(files, included, [feature for feature in FEATURES if feature not in included])


def test_omitted_feature_leaves_no_trace(services: list[Service]) -> None:
    traces_by_label = {service.label: traces_of(service) for service in services}
    assert_no_findings(format_findings(traces_by_label))


LIMITS = Feature(name="ratelimit", summary="Limits", runtime=("limits>=5",))
CACHE = Feature(name="cache", summary="A cache", runtime=("redis>=8",))
EMAIL = Feature(name="email", summary="Mail", paths=("app/email/", "app/email_cache.py"), runtime=("aiosmtplib>=5",))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app/cache.py": ""}, ["app/cache.py"]),
        ({"app/main.py": "from app import cache"}, ["app/main.py: cache"]),
        ({"pyproject.toml": '"redis>=8",'}, ["pyproject.toml: redis"]),
        ({"README.md": "A Cache. Caches are fine."}, ["README.md: cache"]),
        ({"app/emails/cache/mail.html": ""}, ["app/emails/cache/mail.html"]),
        ({"app/email/cache.html": ""}, []),
        ({"app/email_cache.py": "from app import cache"}, []),
        ({"app/email/queue.py": "the cache, if there is one"}, []),
        ({"app/main.py": "from functools import cached"}, []),
        ({"app/main.py": "import limits", "uv.toml": '"limits>=5"'}, ["app/main.py: limits", "uv.toml: limits"]),
        ({"app/main.py": "AsyncClient(limits=Limits(9))"}, []),
    ],
    ids=[
        *("path", "import", "requirement", "word", "path beside another's", "another's own path"),
        "another's own file",
        *("file in another's directory", "another word"),
        *("library", "word that is a library elsewhere"),
    ],
)
def test_trace_is_detected(files: dict[str, str], expected: list[str]) -> None:
    assert traces(files, [EMAIL], [CACHE, LIMITS]) == expected
