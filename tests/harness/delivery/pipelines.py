"""The pipelines that services bring, read as their runners read them: jobs, each a list of commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GITHUB, GITLAB = ".github/workflows/ci.yml", ".gitlab-ci.yml"
ABOUT_JOBS = {"workflow", "default", "stages", "variables", "include"}  # of GitLab's file: all else is a job
SHARED = {"UV_CACHE_DIR", "UV_LINK_MODE"}  # the runner's own cache; here, everybody's
# What a runner says of a first push: no commit was before it.
NONE_BEFORE = "0" * 40
EXPRESSIONS = {"${{ github.event.pull_request.base.sha || github.event.before }}": NONE_BEFORE}
VARIABLES = {"CI_COMMIT_BEFORE_SHA": NONE_BEFORE}


@dataclass(frozen=True)
class Step:
    """A command of a pipeline, as a shell gets it, and the variables that are set for it."""

    command: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What one machine does: the steps, one after the other, on a fresh clone of the service."""

    name: str
    python: str
    steps: tuple[Step, ...]
    servers: tuple[str, ...] = ()  # the images that run beside it, by the names by which it reaches them


def written(variables: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items()}


def evaluated(variables: Mapping[str, str]) -> dict[str, str]:
    """Put in place of each expression what it is on a first push."""
    return {name: EXPRESSIONS[value] if "${{" in value else value for name, value in variables.items()}


def told(command: str) -> dict[str, str]:
    """Give the variables of the runner that a command asks for."""
    return {name: value for name, value in VARIABLES.items() if name in command}


def github_jobs(text: str) -> Iterator[Job]:
    """Read a workflow of GitHub's."""
    for name, job in yaml.safe_load(text)["jobs"].items():
        given = [step.get("with", {}) for step in job["steps"]]
        python = next((found["python-version"] for found in given if "python-version" in found), "")
        steps = [
            Step(line, evaluated(written(step.get("env", {}))))
            for step in job["steps"]
            if "if" not in step  # what a failure asks for
            for line in step.get("run", "").splitlines()
        ]
        yield Job(name, python, tuple(steps), tuple(job.get("services", {})))


def gitlab_jobs(text: str) -> Iterator[Job]:
    """Read a pipeline of GitLab's; its job templates begin with a dot."""
    described = yaml.safe_load(text)
    for name, job in described.items():
        if name in ABOUT_JOBS or name.startswith("."):
            continue
        whole = inherited(job, described)
        variables = {key: value for key, value in written(whole.get("variables", {})).items() if key not in SHARED}
        commands = [*whole.get("before_script", []), *whole["script"]]
        servers = [service["alias"] for service in whole.get("services", []) if isinstance(service, dict)]
        python = whole["image"].removeprefix("python:").partition("-")[0] if "python:" in whole["image"] else ""
        steps = [Step(command, variables | told(command)) for command in commands]
        yield Job(name, python, tuple(steps), tuple(servers))


def inherited(job: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a job takes over from the template that it extends; variables are merged, all else replaced."""
    base = described[job["extends"]] if "extends" in job else {}
    return {**base, **job, "variables": {**base.get("variables", {}), **job.get("variables", {})}}


def jobs(files: Mapping[str, str]) -> list[Job]:
    """List the jobs of the pipelines that a service has."""
    read = {GITHUB: github_jobs, GITLAB: gitlab_jobs}
    return [job for path, reader in read.items() if path in files for job in reader(files[path])]
