"""Every distinct rendered file passes the parser, the schema and the linters of its format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.harness.delivery.formats import LINTERS, PENDING, READERS, SCHEMAS, SCRIPTS
from tests.harness.findings import assert_no_findings, parse_error, run, shellcheck_findings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.files import DistinctFile, Files

WITHOUT_SCHEMA = (
    *("/.copier-answers.yml", "/.pre-commit-config.yaml", "/.devcontainer/devcontainer.json"),
    "/deploy/observability/*",  # checked by the service's own tests
    *("/deploy/kubernetes/*/*.yaml", "/deploy/kubernetes/*/*/*.yaml"),  # see test_manifests.py
)
RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")
UNPORTABLE = re.compile(r'[<>:"\\|?*\x00-\x1f]|[. ]$')


# A file with findings for each linter, and words of these findings.
BROKEN_WORKFLOW = """\
name: Broken
on: push
permissions: {}
jobs:
  broken:
    runs-on: ubuntu-latest
    steps:
      - run: cd ${{ github.head_ref }}
      - name: ${{ githb.ref }}
        run: rm -rf $DIRECTORY
"""
BROKEN = {
    "actionlint": ("ci.yml", BROKEN_WORKFLOW, ['undefined variable "githb"', "SC2086"]),
    "codespell": ("page.md", "Teh end.\n", ["Teh ==> The"]),  # codespell:ignore teh
    "hadolint": ("Dockerfile", "FROM python\nRUN cd $HOME && make\n", ["DL3006", "SC2086"]),
    "rumdl": ("page.md", "# Page\n\n```bash\nls\n```\n\n### Part\n", ["MD001", "MD040"]),
    "zizmor": ("ci.yml", BROKEN_WORKFLOW, ["template-injection"]),
}


def ending_problem(text: str) -> str:
    """Return the problem of a text's line endings, such as a carriage return; empty if there is none."""
    if "\r" in text:
        return "has a carriage return"
    if text and (not text.endswith("\n") or text.endswith("\n\n")):
        return "does not end in one newline"
    return next((f"ends in a space: {line!r}" for line in text.splitlines() if line != line.rstrip()), "")


def name_problem(path: str) -> str:
    """Return the reason that a path is not portable; empty if it is portable."""
    parts = path.split("/")
    if any(RESERVED.match(part) or UNPORTABLE.search(part) for part in parts) or not path.isascii():
        return "is not a valid file name on every system"
    return "is too long for some systems" if len(path) > 150 else ""


@pytest.mark.parametrize("pattern", READERS)
def test_rendered_file_is_parsable(pattern: str, files: Files) -> None:
    assert_no_findings(files.problems(lambda file: parse_error(READERS[pattern], file.text), pattern))


@pytest.mark.parametrize("pattern", sorted(SCHEMAS.keys() - PENDING))
def test_rendered_file_matches_schema(pattern: str, files: Files) -> None:
    matching = files.matching(pattern)
    assert matching
    assert_no_findings(run("check-jsonschema", *SCHEMAS[pattern], *(file.location for file in matching)))


@pytest.mark.parametrize("name", LINTERS)
def test_rendered_file_passes_linter(name: str, files: Files) -> None:
    linter = LINTERS[name]
    matching = files.matching(*linter.patterns)
    assert matching
    assert_no_findings(run(name, *linter.arguments, *(file.location for file in matching)))


@pytest.mark.parametrize("pattern", sorted(SCRIPTS.keys() - PENDING))
def test_scripts_in_rendered_files_pass_shellcheck(pattern: str, files: Files) -> None:
    def problem(file: DistinctFile) -> str:
        return "\n".join(filter(None, map(shellcheck_findings, SCRIPTS[pattern](file.text))))

    assert any(SCRIPTS[pattern](file.text) for file in files.matching(pattern))
    assert_no_findings(files.problems(problem, pattern))


def test_planned_file_patterns_match_no_file_yet(files: Files) -> None:
    assert {file.path for file in files.matching(*PENDING)} == set()


def test_every_data_file_has_a_schema(files: Files) -> None:
    with_schema = {file.path for file in files.matching(*SCHEMAS, *WITHOUT_SCHEMA)}
    assert {file.path for file in files.matching("*.yml", "*.yaml", "*.json")} <= with_schema


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]], ids=" ".join)
def test_service_code_passes_ruff(command: list[str], files: Files) -> None:
    assert_no_findings("".join(run("ruff", *command, "--no-cache", sheet) for sheet in files.sheets()))


def test_rendered_file_names_are_portable(files: Files) -> None:
    assert_no_findings(files.problems(lambda file: name_problem(file.path), "*"))


def test_rendered_files_have_uniform_line_endings(files: Files) -> None:
    assert_no_findings(files.problems(lambda file: ending_problem(file.text), "*"))


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
def test_parse_error_in_file_is_detected(pattern: str, text: str) -> None:
    assert parse_error(READERS[pattern], text)


@pytest.mark.parametrize("name", LINTERS)
def test_linter_finding_is_detected(name: str, empty: Path) -> None:
    file, text, words = BROKEN[name]
    empty.mkdir()
    (empty / file).write_text(text, encoding="utf-8")
    findings = run(name, *LINTERS[name].arguments, empty / file)
    assert [word for word in words if word not in findings] == []


@pytest.mark.parametrize("pattern", SCHEMAS)
def test_schema_violation_is_detected(pattern: str, empty: Path) -> None:
    empty.mkdir()
    (empty / "data.json").write_text('{"jobs": 1, "services": 1, "labels": 1}', encoding="utf-8")
    assert "Schema validation errors" in run("check-jsonschema", *SCHEMAS[pattern], empty / "data.json")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*.sh", "cd $x\n"),
        ("*.md", "Text\n\n```console\n$ cd $x\n```\n"),
        ("/.gitlab-ci.yml", "a:\n  script:\n    - [ls]\n    - cd $x\n"),
        ("/.gitlab/*.yml", "a:\n  script:\n    - cd $x\n"),
        ("/fly.toml", "[processes]\napp = \"sh -c 'cd $x'\"\n"),
        ("/compose.yml", 'services: {a: {healthcheck: {test: [CMD-SHELL, "cd $$x"]}}}'),
        ("/.devcontainer/devcontainer.json", '{"postCreateCommand": "cd $x"}'),
    ],
)
def test_shell_error_in_file_is_detected(pattern: str, text: str) -> None:
    assert "SC2086" in "".join(map(shellcheck_findings, SCRIPTS[pattern](text)))


@pytest.mark.parametrize("text", ["a\r\n", "a", "a\n\n", "a \nb\n"])
def test_invalid_line_ending_is_detected(text: str) -> None:
    assert ending_problem(text)


@pytest.mark.parametrize("path", ["app/aux.py", "app/a:b", "docs/über.md", "app/x.", "a/" * 80])
def test_unportable_name_is_detected(path: str) -> None:
    assert name_problem(path)
