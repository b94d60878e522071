"""The template's own repository keeps the rules that it sets for others."""

from __future__ import annotations

import pytest

from tests.harness.findings import complaint, expect_none, run
from tests.harness.formats import READERS
from tests.harness.scratch import ROOT, work_tree

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
OWN = [path for path in work_tree() if path.parts[0] != "template"]


def test_its_workflows_follow_their_schema() -> None:
    expect_none(run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS))


def test_its_workflows_are_secure() -> None:
    expect_none(run("zizmor", "--offline", "--no-progress", "--strict-collection", *WORKFLOWS))


def test_its_workflow_runs_what_everyone_can_run() -> None:
    assert any(".ci/run" in path.read_text(encoding="utf-8") for path in WORKFLOWS)


@pytest.mark.parametrize("pattern", READERS)
def test_its_files_can_be_read(pattern: str) -> None:
    read = READERS[pattern]
    found = {path: complaint(read, (ROOT / path).read_text(encoding="utf-8")) for path in OWN if path.match(pattern)}
    expect_none("\n".join(f"{path}: {problem}" for path, problem in found.items() if problem))


def test_its_words_are_spelt() -> None:
    expect_none(run("codespell", *(ROOT / path for path in work_tree())))
