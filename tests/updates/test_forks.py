"""A fork made as `docs/forking.md` says merges every release, and its services update from it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from copier._template import load_template_config
from copier.errors import UserMessageError

from extensions.slipway_template.questionnaire import read_questionnaire
from tests.harness.checks.runner import environment
from tests.harness.combinations.questions import all_questions
from tests.harness.combinations.rendering import render, tree, update
from tests.harness.delivery.formats import SCHEMAS
from tests.harness.findings import assert_no_findings, run
from tests.harness.updates.fork import (
    CATALOGUE,
    FIRST,
    FORK,
    MOVED,
    SECOND,
    UPSTREAM,
    Organisation,
    install_commands,
    make_catalogue,
    make_upstream,
    sections,
)
from tests.harness.updates.owner_repository import Owner
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.questions import Answers

pytestmark = [pytest.mark.thorough, pytest.mark.weekly]

PAGE = sections()
MAKE, CHECK, TAGS, MERGE = (PAGE[heading] for heading in ("Make a fork", "Check it", "Tags", "Merge a release"))
MOVE, AMONG, SEVERAL, ADOPT = (
    PAGE[heading]
    for heading in ("Move a service", "Several services in one repository", "Several templates", "Adopt a service")
)
OLD, NEW = f"{FIRST}.post1", f"{SECOND}.post2"
HISTORY = "migrations/versions/"
DEFAULT = {name: answer for name, answer in all_questions().default.items() if name not in {"ci", "python_version"}}


@dataclass(frozen=True)
class Acme:
    """An organisation, the upstream template, its fork, and the fork's first published state."""

    organisation: Organisation
    upstream: Path
    fork: Path
    beginning: Path
    checkout: Path  # of the fork, by its maintainer


@pytest.fixture(scope="module")
def acme(workspace: Path, template: Path) -> Acme:
    """A read-only fork of the first release that has merged all later releases."""
    home = workspace / "acme"
    home.mkdir()
    install_commands(home)
    upstream, fork, beginning = home / "upstream", home / "standard.git", home / "beginning.git"
    make_upstream(template, upstream)
    git(home, "init", "--bare", str(fork))
    organisation = Organisation(home, {UPSTREAM: upstream, FORK: fork})
    organisation.check_output(MAKE[0], home)
    git(home, "clone", "--bare", "--quiet", str(fork), str(beginning))
    for block in MERGE:
        organisation.check_output(block, home / "standard")
    return Acme(organisation, upstream, fork, beginning, home / "standard")


def begin(source: Path, directory: Path, version: str, **answers: object) -> None:
    """Render a service and commit it."""
    render(source, directory, DEFAULT | answers, version)
    commit(directory, "start")


def fresh(acme: Acme, directory: Path, version: str = NEW, **answers: object) -> dict[str, Any]:
    """Return the files and answers of a service newly rendered from the fork, without `_src_path`."""
    render(acme.fork, directory, DEFAULT | answers, version)
    return without_source(directory)


def without_source(directory: Path) -> dict[str, Any]:
    """Return a service's files and answers, without migrations and `_src_path`."""
    files = {path: file.content for path, file in tree(directory).items() if not path.startswith(HISTORY)}
    record = yaml.safe_load(files.pop(".copier-answers.yml"))
    return files | {"answers": {name: answer for name, answer in record.items() if name != "_src_path"}}


def conflicts(directory: Path) -> str:
    return git(directory, "diff", "--name-only", "--diff-filter=U")


def edit(file: Path, line: str) -> None:
    """Insert a line at the head of a file."""
    file.write_text(f"{line}\n{file.read_text(encoding='utf-8')}", encoding="utf-8")


# ── The fork ──────────────────────────────────────────────────────────────────────────────────────


def test_every_forking_page_command_is_tested() -> None:
    tested = [*MAKE, *CHECK, *TAGS, *MERGE, *MOVE, *AMONG, *SEVERAL, *ADOPT]
    assert sorted(tested) == sorted(block for blocks in PAGE.values() for block in blocks)


def test_fork_only_adds_files(acme: Acme) -> None:
    status = git(acme.checkout, "diff", "--name-status", "upstream/main", "HEAD").splitlines()
    assert {line.partition("\t")[0] for line in status} == {"A"}
    assert "A\torg/questions.yml" in status


def test_fork_merges_every_release_without_conflicts(acme: Acme, template: Path, empty: Path) -> None:
    releases = git(template, "tag", "--list", "v*", "--sort=version:refname").split()
    git(template.parent, "clone", "--quiet", "--branch", releases[0], str(template), str(empty))
    git(empty, "fetch", "--quiet", "--no-tags", str(acme.fork), OLD)
    git(empty, "cherry-pick", "FETCH_HEAD")
    for release in [*releases[1:], "origin/main"]:
        git(empty, "merge", "--no-edit", release)
    assert len(releases) > 1
    assert {line[0] for line in git(empty, "diff", "--name-status", "origin/main").splitlines()} == {"A"}


def test_included_questions_are_read_like_copier_does(acme: Acme) -> None:
    assert read_questionnaire(acme.checkout) == load_template_config(acme.checkout / "copier.yml")
    assert read_questionnaire(acme.checkout)["ci"]["when"] is False
    assert "ci" in read_questionnaire(acme.upstream)


def test_page_command_checks_that_highest_tag_is_fork_tag(acme: Acme, empty: Path) -> None:
    git(acme.fork.parent, "clone", "--bare", "--quiet", str(acme.fork), str(empty))
    plain = Organisation(acme.organisation.home)
    git(empty, "remote", "set-url", "origin", str(empty))
    assert plain.run(TAGS[0], empty) == (0, f"{git(empty, 'rev-parse', NEW).strip()}\trefs/tags/{NEW}\n")
    git(empty, "tag", "v1.2.0")
    assert plain.run(TAGS[0], empty) == (1, "")


# ── Its services ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ours(acme: Acme) -> Path:
    """A read-only service that was rendered from the fork."""
    acme.organisation.check_output(CHECK[0], acme.checkout)
    return acme.organisation.home / "service"


def test_fork_service_contains_organisation_settings(ours: Path) -> None:
    project = tomllib.loads((ours / "pyproject.toml").read_text(encoding="utf-8"))
    assert "acme-telemetry>=1,<2" in project["project"]["dependencies"]
    assert "acme-fixtures>=2" in project["dependency-groups"]["test"]
    assert "acme-telemetry" in project["tool"]["deptry"]["per_rule_ignores"]["DEP002"]
    assert project["project"]["license"] == "LicenseRef-Acme"
    assert project["tool"]["uv"]["index"] == [
        {"name": "acme", "url": "https://packages.example.com/simple", "default": True}
    ]
    image = (ours / "Dockerfile").read_text(encoding="utf-8")
    assert (
        "ARG PYTHON_IMAGE=registry.example.com/python:3.12-slim\nARG UV_IMAGE=registry.example.com/uv:0.13\n" in image
    )
    assert "- Names of events begin with `acme.`.\n" in (ours / "AGENTS.md").read_text(encoding="utf-8")
    assert (ours / "LICENSE").read_text(encoding="utf-8") == "All rights reserved.\n"
    assert (ours / "acme.yml").read_text(encoding="utf-8") == "cost_centre: CC-0042\n"


def test_answer_locked_by_fork_is_applied_but_not_recorded(ours: Path) -> None:
    pipeline = yaml.safe_load((ours / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert pipeline["include"][-1] == {"project": "acme/pipelines", "ref": "v3", "file": "/service.yml"}
    assert not (ours / ".github").exists()
    assert "ci" not in yaml.safe_load((ours / ".copier-answers.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"ci": "github"}, "ci: the template computes it"),
        (all_questions().default | {"cost_centre": "CC-0042"}, "ci: the template computes it"),
        ({"python_version": "3.11"}, "python_version: '3.11' is not a choice: choose one of 3.13, 3.12"),
        ({"cost_center": "CC-0042"}, "cost_center: unknown question. Did you mean cost_centre"),
    ],
    ids=["locked", "locked among all answers", "removed choice", "misspelt"],
)
def test_fork_rejects_invalid_answer_to_its_question(answers: Answers, message: str, acme: Acme, empty: Path) -> None:
    with pytest.raises(UserMessageError, match=message):
        render(acme.fork, empty, answers, NEW)
    assert not empty.exists()


def test_fork_service_passes_linters(ours: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        assert_no_findings(run("ruff", *command, "--no-cache", ours))
    assert_no_findings(run("check-jsonschema", *SCHEMAS["/.gitlab-ci.yml"], ours / ".gitlab-ci.yml"))


def test_fork_service_prints_openapi_document(ours: Path) -> None:
    command = [sys.executable, "-m", "app", "openapi"]
    output = subprocess.run(command, cwd=ours, env=environment(), capture_output=True, text=True, check=True).stdout
    assert "/api/v1/products" in json.loads(output)["paths"]


def test_update_from_fork_equals_fresh_copy_with_edit(acme: Acme, empty: Path) -> None:
    begin(acme.fork, empty / "service", OLD)
    edit(empty / "service" / "app" / "errors.py", "# Ours.")
    commit(empty / "service", "edit")
    update(empty / "service", {}, NEW)
    assert conflicts(empty / "service") == ""
    expected = fresh(acme, empty / "fresh")
    expected["app/errors.py"] = b"# Ours.\n" + expected["app/errors.py"]
    assert without_source(empty / "service") == expected


@pytest.fixture
def moving(acme: Acme, empty: Path) -> Path:
    """An edited service that was rendered from the upstream's first release."""
    begin(acme.upstream, empty / "service", FIRST, ci="github", python_version="3.13")
    record = empty / "service" / ".copier-answers.yml"
    record.write_text(record.read_text(encoding="utf-8").replace(str(acme.upstream), UPSTREAM), encoding="utf-8")
    edit(empty / "service" / "app" / "errors.py", "# Ours.")
    commit(empty / "service", "edit")
    return empty / "service"


WITHOUT_CHECKS = "slipway update --no-checks --no-migration"  # of another service each would take minutes


def move(organisation: Organisation, block: str, service: Path) -> tuple[int, str]:
    """Run the page's command that moves a service."""
    return organisation.run(block.replace("slipway update", WITHOUT_CHECKS), service)


def test_service_moves_to_fork_and_then_to_other_url(acme: Acme, moving: Path, empty: Path) -> None:
    code, output = move(acme.organisation, MOVE[0], moving)
    assert code == 0, output
    answers = {"python_version": "3.13", "cost_centre": "CC-0042", "approver": "finance"}
    expected = fresh(acme, empty / "fresh", **answers)
    expected["app/errors.py"] = b"# Ours.\n" + expected["app/errors.py"]
    assert without_source(moving) == expected
    assert FORK in (moving / ".copier-answers.yml").read_text(encoding="utf-8")
    elsewhere = Organisation(acme.organisation.home, {FORK: acme.fork, MOVED: acme.fork})
    code, output = move(elsewhere, MOVE[0].replace(f"--source {FORK}", f"--source {MOVED}"), moving)
    assert code == 0, output
    assert without_source(moving) == expected
    assert MOVED in (moving / ".copier-answers.yml").read_text(encoding="utf-8")


def test_move_to_fork_requires_answers_to_its_questions(acme: Acme, moving: Path) -> None:
    """Neither `--source` nor an edited answers file accepts the fork's defaults silently."""
    unanswered = MOVE[0].partition(" --data")[0]
    code, output = move(acme.organisation, unanswered, moving)
    assert (code, "cost_centre" in output, "--defaults" in output) == (2, True, True)
    record = moving / ".copier-answers.yml"
    record.write_text(record.read_text(encoding="utf-8").replace(UPSTREAM, FORK), encoding="utf-8")
    git(moving, "commit", "--quiet", "--all", "--message", "Follow")
    code, output = move(acme.organisation, f"uvx --from {FORK} slipway update", moving)
    assert (code, "cost_centre" in output) == (2, True)
    code, output = move(acme.organisation, f"uvx --from {FORK} slipway update --defaults", moving)
    assert code == 0, output
    assert "cost_centre: CC-0000\n" in record.read_text(encoding="utf-8")


def test_status_and_update_report_fork_releases_and_notes(acme: Acme, empty: Path) -> None:
    begin(acme.fork, empty / "service", OLD)
    work = empty / "fork"
    git(acme.fork.parent, "clone", "--quiet", str(acme.fork), str(work))
    (work / "org" / "CHANGELOG.md").write_text("# Acme\n\n## 1.1.0.post3\n\nAsk finance.\n", encoding="utf-8")
    commit(work, "v1.1.0.post3")
    record = empty / "service" / ".copier-answers.yml"
    record.write_text(record.read_text(encoding="utf-8").replace(str(acme.fork), str(work)), encoding="utf-8")
    git(empty / "service", "commit", "--quiet", "--all", "--message", "Move")
    owner = Owner(empty / "service")
    _, status = owner.run_json("status")
    assert (status["behind"], status["newest"]) == (3, "v1.1.0.post3")  # not upstream's v1.1.0
    code, report = owner.run_json("update", "--no-checks", "--no-migration", "--defaults")
    assert code == 0, report
    assert "Ask finance." in report["notes"]


def test_services_in_one_repository_are_updated_separately(acme: Acme, empty: Path) -> None:
    empty.mkdir()
    git(empty, "init")
    Organisation(acme.organisation.home, {FORK: acme.beginning}).check_output(AMONG[0], empty)
    (empty / "dirty.txt").write_text("Not committed.\n", encoding="utf-8")
    edit(empty / "services" / "stock" / "README.md", "Not committed.")
    acme.organisation.check_output(AMONG[1], empty)
    assert without_source(empty / "services" / "orders") == fresh(acme, empty / "fresh", project_name="Orders")
    git(empty, "add", "services/orders")
    assert git(empty, "diff", "--name-only").split() == ["services/stock/README.md"]


def test_service_updates_from_two_templates(acme: Acme, empty: Path) -> None:
    begin(acme.fork, empty / "service", OLD)
    make_catalogue(empty / "catalogue")
    both = Organisation(acme.organisation.home, {CATALOGUE: empty / "catalogue", FORK: acme.fork})
    both.check_output(SEVERAL[0].replace("copy ", "copy --vcs-ref v1 "), empty / "service")
    both.check_output(SEVERAL[1], empty / "service")
    files = without_source(empty / "service")
    assert yaml.safe_load(files.pop(".copier-answers.catalogue.yml"))["_commit"] == "v2"
    assert files.pop("catalogue.yml") == b"owner: shop\n"
    assert files == fresh(acme, empty / "fresh")


def test_existing_repository_is_adopted_and_updated(acme: Acme, empty: Path) -> None:
    (empty / "old" / "app").mkdir(parents=True)
    (empty / "old" / "README.md").write_text("# Old API\n", encoding="utf-8")
    (empty / "old" / "app" / "greeting.py").write_text("GREETING = 'Hello'\n", encoding="utf-8")
    commit(empty / "old", "old")
    early = Organisation(acme.organisation.home, {FORK: acme.beginning})
    assert "AA README.md" in early.check_output(ADOPT[0], empty / "old")
    git(empty / "old", "checkout", "--ours", "README.md")
    commit(empty / "old", "adopted")
    acme.organisation.check_output("copier update --trust --defaults", empty / "old")
    assert conflicts(empty / "old") == ""
    expected = fresh(acme, empty / "fresh", project_name="Old API")
    assert without_source(empty / "old") == expected | {
        "README.md": b"# Old API\n",
        "app/greeting.py": b"GREETING = 'Hello'\n",
    }
