"""The repository's own workflows, scripts and pages pass linters, schemas and link checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.delivery.formats import LINTERS, READERS
from tests.harness.delivery.scripts import fenced
from tests.harness.findings import assert_no_findings, parse_error, run, shellcheck_findings
from tests.harness.readme.links import broken_anchors, broken_links
from tests.harness.workspace import ROOT, work_tree

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OWN = [path for path in work_tree() if path.parts[0] != "template"]
PAGES = [ROOT / path for path in OWN if path.suffix == ".md"]
LINTED = {
    "actionlint": WORKFLOWS,
    "codespell": [ROOT / path for path in work_tree()],
    "rumdl": PAGES,
    "zizmor": WORKFLOWS,
}


def test_repository_workflows_match_schema() -> None:
    assert_no_findings(run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS))


@pytest.mark.parametrize(("name", "paths"), LINTED.items())
def test_repository_files_pass_linter(name: str, paths: list[Path]) -> None:
    assert paths
    assert_no_findings(run(name, *LINTERS[name].arguments, *paths))


def test_repository_scripts_pass_shellcheck() -> None:
    scripts = {path: path.read_text(encoding="utf-8") for path in (ROOT / ".ci").iterdir()}
    pages = {page: "".join(fenced(page.read_text(encoding="utf-8"))) for page in PAGES}
    problems = {path: shellcheck_findings(script) for path, script in (scripts | pages).items()}
    assert_no_findings("\n".join(f"{path}: {problem}" for path, problem in problems.items() if problem))


def test_links_and_anchors_in_repository_pages_resolve() -> None:
    pages = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
    existing = {path.as_posix() for path in work_tree()}
    assert [link for path, text in pages.items() for link in broken_links(path, text, existing)] == []
    assert [link for path in pages for link in broken_anchors(path, pages)] == []


def test_repository_workflow_runs_shared_script() -> None:
    assert any(".ci/run" in path.read_text(encoding="utf-8") for path in WORKFLOWS)


@pytest.mark.parametrize("pattern", READERS)
def test_repository_files_are_parsable(pattern: str) -> None:
    read = READERS[pattern]
    problems = {
        path: parse_error(read, (ROOT / path).read_text(encoding="utf-8")) for path in OWN if path.match(pattern)
    }
    assert_no_findings("\n".join(f"{path}: {problem}" for path, problem in problems.items() if problem))
