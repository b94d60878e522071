"""What holds for every distinct file of all services; each is checked once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness.findings import complaint, expect_none, run
from tests.harness.formats import READERS, SCHEMAS

if TYPE_CHECKING:
    from tests.harness.files import Files

WITHOUT_SCHEMA = ("/.copier-answers.yml", "/.pre-commit-config.yaml", "/.devcontainer/devcontainer.json")
RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")
UNPORTABLE = re.compile(r'[<>:"\\|?*\x00-\x1f]|[. ]$')


def ending_problem(text: str) -> str:
    """Tell what is wrong with the ends of the lines."""
    if "\r" in text:
        return "has a carriage return"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        return "does not end in one newline"
    return next((f"ends in a space: {line!r}" for line in text.splitlines() if line != line.rstrip()), "")


def name_problem(path: str) -> str:
    """Tell what keeps a path from being one on every system."""
    parts = path.split("/")
    if any(RESERVED.match(part) or UNPORTABLE.search(part) for part in parts) or not path.isascii():
        return "is no file name everywhere"
    return "is too long for some systems" if len(path) > 150 else ""


@pytest.mark.parametrize("pattern", READERS)
def test_can_be_read(pattern: str, files: Files) -> None:
    expect_none(files.problems(lambda file: complaint(READERS[pattern], file.text), pattern))


@pytest.mark.parametrize("pattern", SCHEMAS)
def test_follows_its_schema(pattern: str, files: Files) -> None:
    found = files.matching(pattern)
    assert found
    expect_none(run("check-jsonschema", *SCHEMAS[pattern], *(file.location for file in found)))


def test_every_data_file_has_a_schema(files: Files) -> None:
    known = {file.path for file in files.matching(*SCHEMAS, *WITHOUT_SCHEMA)}
    assert {file.path for file in files.matching("*.yml", "*.yaml", "*.json")} <= known


def test_workflows_are_secure(files: Files) -> None:
    found = files.matching("/.github/workflows/*.yml", "/.github/dependabot.yml")
    expect_none(run("zizmor", "--offline", "--no-progress", "--strict-collection", *(file.location for file in found)))


def test_image_is_built_well(files: Files) -> None:
    expect_none(run("hadolint", "--no-color", *(file.location for file in files.matching("/Dockerfile"))))


def test_names_are_portable(files: Files) -> None:
    expect_none(files.problems(lambda file: name_problem(file.path), "*"))


def test_lines_end_alike(files: Files) -> None:
    expect_none(files.problems(lambda file: ending_problem(file.text), "*"))


def test_words_are_spelt(files: Files) -> None:
    expect_none(run("codespell", *(file.location for file in files)))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*.py", "def"),
        ("*.py", "'\\d'"),
        ("*.toml", "a = 1\na = 2"),
        ("*.json", '{"a": 1, "a": 2}'),
        ("*.yml", "a: 1\nb:\n  c: 1\n  c: 2"),
        ("*.yml", "a: [1"),
    ],
)
def test_what_cannot_be_read_is_seen(pattern: str, text: str) -> None:
    assert complaint(READERS[pattern], text)


@pytest.mark.parametrize("text", ["a\r\n", "a", "a\n\n", "a \nb\n"])
def test_a_bad_ending_is_seen(text: str) -> None:
    assert ending_problem(text)


@pytest.mark.parametrize("path", ["app/aux.py", "app/a:b", "docs/über.md", "app/x.", "a/" * 80])
def test_a_bad_name_is_seen(path: str) -> None:
    assert name_problem(path)
