"""A fork that only adds files merges every release, and its services update from it; done as `docs/forking.md` says."""

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

from extensions.questionnaire import described
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
    install_copier,
    make_catalogue,
    make_upstream,
    sections,
)
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.combinations.questions import Answers

pytestmark = pytest.mark.thorough

PAGE = sections()
MAKE, CHECK, TAGS, MERGE = (PAGE[heading] for heading in ("Make a fork", "Check it", "Tags", "Merge a release"))
MOVE, AMONG, SEVERAL, ADOPT = (
    PAGE[heading] for heading in ("Move a service", "A service among others", "Several templates", "Adopt a service")
)
OLD, NEW = f"{FIRST}.post1", f"{SECOND}.post2"
HISTORY = "migrations/versions/"
DEFAULT = {name: answer for name, answer in all_questions().default.items() if name not in {"ci", "python_version"}}


@dataclass(frozen=True)
class Acme:
    """An organisation, the repository that upstream is, its fork, and its fork as it was when it was made."""

    organisation: Organisation
    upstream: Path
    fork: Path
    beginning: Path
    checkout: Path  # of the fork, by whoever maintains it


@pytest.fixture(scope="module")
def acme(workspace: Path, template: Path) -> Acme:
    """A fork that was made of the first release, and has merged all since; not to be changed."""
    home = workspace / "acme"
    home.mkdir()
    install_copier(home)
    upstream, fork, beginning = home / "upstream", home / "standard.git", home / "beginning.git"
    make_upstream(template, upstream)
    git(home, "init", "--bare", str(fork))
    organisation = Organisation(home, {UPSTREAM: upstream, FORK: fork})
    organisation.follows(MAKE[0], home)
    git(home, "clone", "--bare", "--quiet", str(fork), str(beginning))
    for block in MERGE:
        organisation.follows(block, home / "standard")
    return Acme(organisation, upstream, fork, beginning, home / "standard")


def begin(source: Path, directory: Path, version: str, **answers: object) -> None:
    """Copy a service and commit it."""
    render(source, directory, DEFAULT | answers, version)
    commit(directory, "start")


def fresh(acme: Acme, directory: Path, version: str = NEW, **answers: object) -> dict[str, Any]:
    """Give what a fresh copy of the fork holds, but for where it came from."""
    render(acme.fork, directory, DEFAULT | answers, version)
    return without_source(directory)


def without_source(directory: Path) -> dict[str, Any]:
    """Read a service's files, but for its revisions, and for the address of its template."""
    files = {path: file.content for path, file in tree(directory).items() if not path.startswith(HISTORY)}
    record = yaml.safe_load(files.pop(".copier-answers.yml"))
    return files | {"answers": {name: answer for name, answer in record.items() if name != "_src_path"}}


def conflicts(directory: Path) -> str:
    return git(directory, "diff", "--name-only", "--diff-filter=U")


def edit(file: Path, line: str) -> None:
    """Add a line of the owner's at the head of a file."""
    file.write_text(f"{line}\n{file.read_text(encoding='utf-8')}", encoding="utf-8")


# ── The fork ──────────────────────────────────────────────────────────────────────────────────────


def test_each_command_of_the_page_is_run() -> None:
    run_here = [*MAKE, *CHECK, *TAGS, *MERGE, *MOVE, *AMONG, *SEVERAL, *ADOPT]
    assert sorted(run_here) == sorted(block for blocks in PAGE.values() for block in blocks)


def test_a_fork_differs_from_upstream_by_added_files_alone(acme: Acme) -> None:
    told = git(acme.checkout, "diff", "--name-status", "upstream/main", "HEAD").splitlines()
    assert {line.partition("\t")[0] for line in told} == {"A"}
    assert "A\torg/questions.yml" in told


def test_every_release_of_the_template_merges(acme: Acme, template: Path, empty: Path) -> None:
    releases = git(template, "tag", "--list", "v*", "--sort=version:refname").split()
    git(template.parent, "clone", "--quiet", "--branch", releases[0], str(template), str(empty))
    git(empty, "fetch", "--quiet", "--no-tags", str(acme.fork), OLD)
    git(empty, "cherry-pick", "FETCH_HEAD")
    for release in [*releases[1:], "origin/main"]:
        git(empty, "merge", "--no-edit", release)
    assert len(releases) > 1
    assert {line[0] for line in git(empty, "diff", "--name-status", "origin/main").splitlines()} == {"A"}


def test_what_is_asked_is_put_together_as_copier_does(acme: Acme) -> None:
    assert described(acme.checkout) == load_template_config(acme.checkout / "copier.yml")
    assert described(acme.checkout)["ci"]["when"] is False
    assert "ci" in described(acme.upstream)


def test_the_highest_tag_is_the_organisations(acme: Acme, empty: Path) -> None:
    git(acme.fork.parent, "clone", "--bare", "--quiet", str(acme.fork), str(empty))
    somebody = Organisation(acme.organisation.home)
    git(empty, "remote", "set-url", "origin", str(empty))
    assert somebody.runs(TAGS[0], empty) == (0, f"{git(empty, 'rev-parse', NEW).strip()}\trefs/tags/{NEW}\n")
    git(empty, "tag", "v1.2.0")
    assert somebody.runs(TAGS[0], empty) == (1, "")


# ── Its services ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def ours(acme: Acme) -> Path:
    """A service of the fork; not to be changed."""
    acme.organisation.follows(CHECK[0], acme.checkout)
    return acme.organisation.home / "service"


def test_a_service_has_what_the_organisation_has(ours: Path) -> None:
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


def test_a_locked_answer_reaches_all_that_the_answer_reaches(ours: Path) -> None:
    pipeline = yaml.safe_load((ours / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert pipeline["include"][-1] == {"project": "acme/pipelines", "ref": "v3", "file": "/service.yml"}
    assert not (ours / ".github").exists()
    assert "ci" not in yaml.safe_load((ours / ".copier-answers.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"ci": "github"}, "ci: it is decided by the template"),
        (all_questions().default | {"cost_centre": "CC-0042"}, "ci: it is decided by the template"),
        ({"python_version": "3.11"}, "python_version: '3.11' is none of 3.13, 3.12"),
        ({"cost_center": "CC-0042"}, "cost_center: there is no such question. Did you mean cost_centre"),
    ],
    ids=["locked", "locked among all answers", "choice left out", "misspelt"],
)
def test_what_the_fork_does_not_ask_is_refused(answers: Answers, told: str, acme: Acme, empty: Path) -> None:
    with pytest.raises(UserMessageError, match=told):
        render(acme.fork, empty, answers, NEW)
    assert not empty.exists()


def test_a_service_passes_its_linters(ours: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        assert_no_findings(run("ruff", *command, "--no-cache", ours))
    assert_no_findings(run("check-jsonschema", *SCHEMAS["/.gitlab-ci.yml"], ours / ".gitlab-ci.yml"))


def test_a_service_describes_its_api(ours: Path) -> None:
    command = [sys.executable, "-m", "app", "openapi"]
    told = subprocess.run(command, cwd=ours, env=environment(), capture_output=True, text=True, check=True).stdout
    assert "/api/v1/products" in json.loads(told)["paths"]


def test_a_service_updates_to_what_a_fresh_copy_gives(acme: Acme, empty: Path) -> None:
    begin(acme.fork, empty / "service", OLD)
    edit(empty / "service" / "app" / "errors.py", "# Ours.")
    commit(empty / "service", "edit")
    update(empty / "service", {}, NEW)
    assert conflicts(empty / "service") == ""
    wanted = fresh(acme, empty / "fresh")
    wanted["app/errors.py"] = b"# Ours.\n" + wanted["app/errors.py"]
    assert without_source(empty / "service") == wanted


@pytest.fixture
def moving(acme: Acme, empty: Path) -> Path:
    """A service that was copied from upstream's first release, and has an edit."""
    begin(acme.upstream, empty / "service", FIRST, ci="github", python_version="3.13")
    record = empty / "service" / ".copier-answers.yml"
    record.write_text(record.read_text(encoding="utf-8").replace(str(acme.upstream), UPSTREAM), encoding="utf-8")
    edit(empty / "service" / "app" / "errors.py", "# Ours.")
    commit(empty / "service", "edit")
    return empty / "service"


def test_a_service_moves_to_the_fork_and_to_another_host(acme: Acme, moving: Path, empty: Path) -> None:
    acme.organisation.follows(MOVE[0], moving)
    assert conflicts(moving) == ""
    wanted = fresh(acme, empty / "fresh", python_version="3.13")
    wanted["app/errors.py"] = b"# Ours.\n" + wanted["app/errors.py"]
    assert without_source(moving) == wanted
    commit(moving, "moved")
    elsewhere = Organisation(acme.organisation.home, {MOVED: acme.fork})
    elsewhere.follows(MOVE[0].replace(FORK, MOVED), moving)
    assert without_source(moving) == wanted


def test_services_live_side_by_side(acme: Acme, empty: Path) -> None:
    empty.mkdir()
    git(empty, "init")
    Organisation(acme.organisation.home, {FORK: acme.beginning}).follows(AMONG[0], empty)
    (empty / "dirty.txt").write_text("Not committed.\n", encoding="utf-8")
    edit(empty / "services" / "stock" / "README.md", "Not committed.")
    acme.organisation.follows(AMONG[1], empty)
    assert without_source(empty / "services" / "orders") == fresh(acme, empty / "fresh", project_name="Orders")
    git(empty, "add", "services/orders")
    assert git(empty, "diff", "--name-only").split() == ["services/stock/README.md"]


def test_two_templates_share_a_repository(acme: Acme, empty: Path) -> None:
    begin(acme.fork, empty / "service", OLD)
    make_catalogue(empty / "catalogue")
    both = Organisation(acme.organisation.home, {CATALOGUE: empty / "catalogue", FORK: acme.fork})
    both.follows(SEVERAL[0].replace("copy ", "copy --vcs-ref v1 "), empty / "service")
    both.follows(SEVERAL[1], empty / "service")
    found = without_source(empty / "service")
    assert yaml.safe_load(found.pop(".copier-answers.catalogue.yml"))["_commit"] == "v2"
    assert found.pop("catalogue.yml") == b"owner: shop\n"
    assert found == fresh(acme, empty / "fresh")


def test_a_service_is_adopted(acme: Acme, empty: Path) -> None:
    (empty / "old" / "app").mkdir(parents=True)
    (empty / "old" / "README.md").write_text("# Old API\n", encoding="utf-8")
    (empty / "old" / "app" / "greeting.py").write_text("GREETING = 'Hello'\n", encoding="utf-8")
    commit(empty / "old", "old")
    early = Organisation(acme.organisation.home, {FORK: acme.beginning})
    assert "AA README.md" in early.follows(ADOPT[0], empty / "old")
    git(empty / "old", "checkout", "--ours", "README.md")
    commit(empty / "old", "adopted")
    acme.organisation.follows("copier update --trust --defaults", empty / "old")
    assert conflicts(empty / "old") == ""
    wanted = fresh(acme, empty / "fresh", project_name="Old API")
    assert without_source(empty / "old") == wanted | {
        "README.md": b"# Old API\n",
        "app/greeting.py": b"GREETING = 'Hello'\n",
    }
