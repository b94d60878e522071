"""A release pipeline requires the project's version and all checks, and publishes one image."""

from __future__ import annotations

import os
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.combinations.copier_cli import run_command
from tests.harness.combinations.questions import all_questions
from tests.harness.delivery.pipelines import inherited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.harness.combinations.copier_cli import Run
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

TEMPLATES = ("workflow", "default", "stages", "variables", "include")
WORKFLOWS = ".github/workflows/"
HOSTS = ("github", "gitlab")
IDENTITY = {f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def files(host: str, serve: Callable[[Answers], Service]) -> dict[str, Any]:
    """Return the parsed pipeline files of a service that deploys to Kubernetes and Fly."""
    service = serve(all_questions().default | {"ci": host, "deploy": ["kubernetes", "fly"]})
    paths = [path for path in service.files if path.startswith((WORKFLOWS, ".gitlab")) and path.endswith(".yml")]
    return {path: yaml.safe_load(service.files[path].content) for path in paths}


def gitlab(files: dict[str, Any]) -> dict[str, Any]:
    """Return the jobs of GitLab's pipeline file and the files that it includes."""
    included = [each["local"] for each in files[".gitlab-ci.yml"]["include"]]
    assert sorted(included) == sorted(files.keys() - {".gitlab-ci.yml"})
    merged = {name: job for path in (*included, ".gitlab-ci.yml") for name, job in files[path].items()}
    return {name: with_bases(job, merged) for name, job in merged.items() if name not in TEMPLATES}


def with_bases(job: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    base = merged[job["extends"]] if "extends" in job else {}
    return inherited(job, {job["extends"]: with_bases(base, merged)}) if base else job


def check_of_version(host: str, files: dict[str, Any]) -> list[str]:
    if host == "gitlab":
        return list(files[".gitlab/release.yml"]["version"]["script"])
    return [step["run"] for step in files[f"{WORKFLOWS}release.yml"]["jobs"]["version"]["steps"] if "run" in step]


def tagged(tag: str, script: list[str], project: Path) -> Run:
    """Run a script with the variables that GitHub and GitLab set in a tag's pipeline."""
    names = {"GITHUB_REF_NAME": tag, "CI_COMMIT_TAG": tag, "CI_REGISTRY_IMAGE": "registry.example.com/app"}
    return run_command(["bash", "-euc", "\n".join(script)], project, os.environ | IDENTITY | names, 60)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Create a Git repository of a project at version 1.2.3, with tags of this and an earlier release."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "app"\nversion = "1.2.3"\n', encoding="utf-8")
    commit = "git commit --quiet --allow-empty --message"
    script = f"git init --quiet; {commit} First; git tag v1.2.2; {commit} Second; {commit} Third; git tag v1.2.3"
    assert tagged("", [script], tmp_path).returncode == 0
    return tmp_path


def test_release_tag_other_than_project_version_is_rejected(host: str, files: dict[str, Any], project: Path) -> None:
    script = check_of_version(host, files)
    assert tagged("v1.2.3", script, project).returncode == 0
    assert "pyproject.toml has app 1.2.3." in tagged("v1.2.2", script, project).stdout
    assert tagged("v1.2.2", script, project).returncode == 1


@pytest.mark.parametrize("host", ["gitlab"], indirect=True)
def test_release_notes_list_commits_since_last_release(host: str, files: dict[str, Any], project: Path) -> None:
    script = check_of_version(host, files)
    tagged("v1.2.3", script, project)
    notes = project / "notes.md"
    assert notes.read_text(encoding="utf-8") == "- Third\n- Second\n\n`registry.example.com/app:v1.2.3`\n"
    tagged("v1.2.2", ["git tag --delete v1.2.3; sed -i s/1.2.3/1.2.2/ pyproject.toml", *script], project)
    assert notes.read_text(encoding="utf-8").startswith("- First\n")


@pytest.mark.parametrize("host", ["github"], indirect=True)
def test_github_release_requires_ci(files: dict[str, Any]) -> None:
    jobs = files[f"{WORKFLOWS}release.yml"]["jobs"]
    order = TopologicalSorter({name: {job["needs"]} if "needs" in job else set() for name, job in jobs.items()})
    assert list(order.static_order()) == ["version", "ci", "publish", "release"]
    assert jobs["ci"]["uses"] == f"$/{WORKFLOWS}ci.yml"
    assert "workflow_call" in files[f"{WORKFLOWS}ci.yml"][True]  # YAML's `on`
    assert files[f"{WORKFLOWS}release.yml"][True] == {"push": {"tags": ["v[0-9]*"]}}


@pytest.mark.parametrize("host", ["gitlab"], indirect=True)
def test_gitlab_release_requires_checks(files: dict[str, Any]) -> None:
    jobs = {name: job for name, job in gitlab(files).items() if not name.startswith(".")}
    stages = files[".gitlab-ci.yml"]["stages"]
    assert {job["stage"] for job in jobs.values()} == set(stages)
    assert {name for job in jobs.values() for name in job.get("needs", [])} <= jobs.keys()
    later = [name for name, job in jobs.items() if job["stage"] != stages[0] and "needs" not in job]
    assert sorted(name for name in later if jobs[name]["stage"] == "publish") == ["publish", "tag"]
    assert {"tag", "version", "audit"} == set(jobs["release"]["needs"])
    assert "needs" not in jobs["tag"]  # so that it waits for every check


def build_commands(part: object) -> Iterator[str]:
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from build_commands(each)
    elif isinstance(part, str) and "docker build " in part:
        yield part


def test_published_image_is_built_once(files: dict[str, Any]) -> None:
    """Only `publish` and CI build images; CI's image is not published."""
    places = [path for path, described in files.items() for _ in build_commands(described)]
    assert sorted(path.rpartition("/")[2].removeprefix(".gitlab-") for path in places) == ["ci.yml", "publish.yml"]
