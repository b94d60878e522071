"""Module names, docstrings, package sizes and commit subjects follow the style guide."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from extensions.slipway_template.footprint import files
from tests.harness.findings import assert_no_findings
from tests.harness.style.sources import (
    FULLEST,
    OF_REPOSITORY,
    OF_TEMPLATE,
    find_tests,
    module_names,
    rendered_modules,
    repository_modules,
    sizes,
    summaries,
)
from tests.harness.style.words import (
    CLAUSE_OPENERS,
    COMMIT_SUBJECT,
    MAX_MODULES,
    MAX_SUBJECT,
    MAX_TEST_WORDS,
    MAX_TOP_MODULES,
    RETIRED_MODULES,
    RETIRED_PHRASES,
    RETIRED_TEST_PREFIXES,
)
from tests.harness.workspace import ROOT, git, work_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

FIRST_COMMIT = "e2e3efa2b9a500cd724943323be7a08b6e69c9ab"  # subjects of later commits are checked
TEST_NAME = re.compile(r"test_[a-z0-9_]+")
EXCLUDED_FROM_SIZES = ("migrations/", "app/static/")


def assert_none(findings: Iterable[str]) -> None:
    """Fail with all distinct findings, one per line."""
    assert_no_findings("\n".join(sorted(set(findings))))


@pytest.fixture(scope="module")
def fullest(serve: Callable[[Answers], Service]) -> list[Service]:
    return [serve(answers) for answers in FULLEST]


@pytest.fixture(scope="module")
def modules(fullest: list[Service]) -> list[tuple[str, str]]:
    """Return the path and text of every module of the repository and of rendered services."""
    return repository_modules() + rendered_modules(fullest)


def test_services_with_every_feature_contain_every_module(fullest: list[Service]) -> None:
    python = {path for path in files() if path.startswith(("app/", "tests/", "development/")) and path.endswith(".py")}
    assert python.difference(*(service.files for service in fullest)) == set()


# ── Modules ───────────────────────────────────────────────────────────────────────────────────────


def retired_names(paths: Iterable[str]) -> list[str]:
    return [f"{path}: {name}" for path, name in module_names(paths) if name in RETIRED_MODULES]


def test_no_module_has_a_retired_name() -> None:
    paths = [path.as_posix() for path in work_tree()]
    python = [path for path in paths if path.removesuffix(".jinja").endswith(".py")]
    assert_none(retired_names(path for path in python if path.startswith((*OF_REPOSITORY, *OF_TEMPLATE))))


def test_retired_module_name_is_detected() -> None:
    paths = ["app/jobs/telling.py", "app/letters/__init__.py", "tests/test_sending.py.jinja", "app/storage.py"]
    assert retired_names(paths) == [
        "app/jobs/telling.py: telling",
        "app/letters: letters",
        "tests/test_sending.py: sending",
    ]


def oversized(paths: Iterable[str]) -> list[str]:
    """Return a finding for each directory with too many modules."""
    counted = sizes(path for path in paths if not path.startswith(EXCLUDED_FROM_SIZES))
    limits = {directory: MAX_TOP_MODULES if directory == "app" else MAX_MODULES for directory in counted}
    return [
        f"{directory}/: {number} modules, at most {limits[directory]}"
        for directory, number in counted.items()
        if number > limits[directory]
    ]


@pytest.mark.parametrize("answers", FULLEST, ids=lambda answers: "-".join(map(str, list(answers.values())[:3])))
def test_service_packages_stay_within_module_limit(answers: Answers, serve: Callable[[Answers], Service]) -> None:
    assert_none(oversized(path for path in serve(answers).files if path.startswith(("app/", "tests/", "development/"))))


def test_repository_packages_stay_within_module_limit() -> None:
    assert_none(
        oversized(path.as_posix() for path in work_tree() if path.parts[0] in {"extensions", "slipway", "tests"})
    )


def test_oversized_package_is_detected() -> None:
    top = [f"app/{number}.py" for number in range(30)]
    package = [f"app/jobs/{number}.py" for number in range(20)]
    assert oversized([*top, "app/__init__.py", "app/cache/values.py", *package, "app/jobs/a/b.py"]) == []
    assert oversized([*top, *package, "app/jobs/a.py"]) == ["app/jobs/: 21 modules, at most 20"]
    assert oversized([*top, "app/a.py", *package]) == ["app/: 31 modules, at most 30"]


# ── Tests ─────────────────────────────────────────────────────────────────────────────────────────


def name_problem(name: str) -> str:
    """Return the problem of a test's name; empty if there is none."""
    if not TEST_NAME.fullmatch(name):
        return "not test_ and lower-case words"
    if name.startswith(RETIRED_TEST_PREFIXES):
        return "begins with an article, a pronoun or a clause"
    words = name.removeprefix("test_").split("_")
    return f"{len(words)} words, at most {MAX_TEST_WORDS}" if len(words) > MAX_TEST_WORDS else ""


def test_names_of_tests_start_with_subject(modules: list[tuple[str, str]]) -> None:
    assert_none(
        f"{path}:{test.line}: {test.text}: {problem}"
        for path, text in modules
        if PurePosixPath(path.split()[0]).name.startswith("test_")
        for test in find_tests(text)
        if (problem := name_problem(test.text))
    )


@pytest.mark.parametrize(
    "name",
    ["test_what_is_taken_is_refused", "test_a_file", "test_File", "testfile", "test_" + "_".join("abcdefghijklm")],
)
def test_invalid_test_name_is_detected(name: str) -> None:
    assert name_problem(name)


@pytest.mark.parametrize("name", ["test_create_duplicate_returns_409", "test_answer_has_etag", "test_theft_is_logged"])
def test_valid_test_name_is_accepted(name: str) -> None:
    assert name_problem(name) == ""


# ── Docstrings ────────────────────────────────────────────────────────────────────────────────────


OPENER = re.compile(rf"(?:{'|'.join(CLAUSE_OPENERS)})\b")


def phrase_problems(summary: str) -> list[str]:
    """Return the retired phrases in a docstring's first line, each with its replacement."""
    clause = ["begins with a clause: verb and object, or a noun"] if OPENER.match(summary) else []
    matches = ((re.search(rf"\b{phrase}\b", summary, re.IGNORECASE), term) for phrase, term in RETIRED_PHRASES.items())
    return clause + [f"{match[0].strip()!r}: {term}" for match, term in matches if match]


def test_docstrings_have_no_retired_phrases(modules: list[tuple[str, str]]) -> None:
    assert_none(
        f"{path}:{summary.line}: {summary.text} [{'; '.join(problems)}]"
        for path, text in modules
        for summary in summaries(text)
        if (problems := phrase_problems(summary.text))
    )


@pytest.mark.parametrize(
    "summary",
    [
        "What refreshing takes.",
        "Whose rows a route means.",
        "Say what somebody's own row was told.",
        "Raise if a key is no key.",
        "Values that are dear to compute.",
        "Make void what the cache holds.",
        "Report who hears a change.",
    ],
)
def test_retired_phrase_is_detected(summary: str) -> None:
    assert phrase_problems(summary)


@pytest.mark.parametrize(
    "summary",
    [
        "Return one stay; 404 if missing.",
        "Avoid a lock that is no longer needed.",
        "Whole-file lock.",
        "Recommend an index.",
        "Return nothing if there are no lines.",
    ],
)
def test_docstring_without_retired_phrase_is_accepted(summary: str) -> None:
    assert phrase_problems(summary) == []


# ── Commits ───────────────────────────────────────────────────────────────────────────────────────


def subject_problems(subject: str) -> list[str]:
    """Return the problems of a commit subject, which should be `area: imperative` in 72 characters."""
    return [
        problem
        for problem, applies in {
            "not `area: imperative`": not re.fullmatch(COMMIT_SUBJECT, subject),
            f"{len(subject)} characters, at most {MAX_SUBJECT}": len(subject) > MAX_SUBJECT,
            "`, for`: reasons belong in the body": ", for " in subject,
        }.items()
        if applies
    ]


def has_history() -> bool:
    """Return whether the work tree is a clone that contains the first checked commit."""
    if not (ROOT / ".git").exists() or git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        return False
    return FIRST_COMMIT in git(ROOT, "rev-list", "HEAD").split()


def test_commit_subjects_are_area_and_imperative() -> None:
    if not has_history():
        pytest.skip("no history since the first checked commit")
    log = git(ROOT, "log", "--no-merges", "--format=%h %s", f"{FIRST_COMMIT}..HEAD").splitlines()
    commits = (line.partition(" ") for line in log)
    assert_none(
        f"{commit} {subject}: {problem}" for commit, _, subject in commits for problem in subject_problems(subject)
    )


@pytest.mark.parametrize(
    "subject",
    [
        "Count whether a server is asked",
        "cache: Drop entries",
        "cache: drop entries, for they are old",
        "a: " + "b" * 70,
    ],
)
def test_invalid_commit_subject_is_detected(subject: str) -> None:
    assert subject_problems(subject)


@pytest.mark.parametrize("subject", ["cache: drop stale entries before the response", "updates tests: name `a.py`"])
def test_valid_commit_subject_is_accepted(subject: str) -> None:
    assert subject_problems(subject) == []
