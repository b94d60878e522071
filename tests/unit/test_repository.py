"""The template's own repository keeps the rules that it sets for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.harness.delivery.formats import LINTERS, READERS
from tests.harness.delivery.scripts import fenced
from tests.harness.findings import complaint, expect_none, run, script_problem
from tests.harness.readme.links import broken_anchors, broken_links
from tests.harness.workspace import ROOT, work_tree

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OWN = [path for path in work_tree() if path.parts[0] != "template"]
PAGES = [ROOT / path for path in OWN if path.suffix == ".md"]
JUDGED = {
    "actionlint": WORKFLOWS,
    "codespell": [ROOT / path for path in work_tree()],
    "rumdl": PAGES,
    "zizmor": WORKFLOWS,
}


def test_its_workflows_follow_their_schema() -> None:
    expect_none(run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS))


@pytest.mark.parametrize(("name", "paths"), JUDGED.items())
def test_it_pleases_its_linters(name: str, paths: list[Path]) -> None:
    assert paths
    expect_none(run(name, *LINTERS[name].arguments, *paths))


def test_a_shell_can_run_its_scripts() -> None:
    scripts = {path: path.read_text(encoding="utf-8") for path in (ROOT / ".ci").iterdir()}
    pages = {page: "".join(fenced(page.read_text(encoding="utf-8"))) for page in PAGES}
    found = {path: script_problem(script) for path, script in (scripts | pages).items()}
    expect_none("\n".join(f"{path}: {problem}" for path, problem in found.items() if problem))


def test_its_links_lead_somewhere() -> None:
    pages = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
    there = {path.as_posix() for path in work_tree()}
    assert [link for path, text in pages.items() for link in broken_links(path, text, there)] == []
    assert [link for path in pages for link in broken_anchors(path, pages)] == []


def test_its_workflow_runs_what_everyone_can_run() -> None:
    assert any(".ci/run" in path.read_text(encoding="utf-8") for path in WORKFLOWS)


@pytest.mark.parametrize("pattern", READERS)
def test_its_files_can_be_read(pattern: str) -> None:
    read = READERS[pattern]
    found = {path: complaint(read, (ROOT / path).read_text(encoding="utf-8")) for path in OWN if path.match(pattern)}
    expect_none("\n".join(f"{path}: {problem}" for path, problem in found.items() if problem))
