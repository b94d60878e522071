"""Parse services' CI pipelines into jobs, each a list of commands, as their runners do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GITHUB, GITLAB = ".github/workflows/ci.yml", ".gitlab-ci.yml"
NOT_JOBS = {"workflow", "default", "stages", "variables", "include"}  # keys of GitLab's file; all others are jobs
SHARED = {"UV_CACHE_DIR", "UV_LINK_MODE"}  # the runner's own cache; shared here
# The previous commit of a first push, as runners give it.
NULL_COMMIT = "0" * 40
EXPRESSIONS = {"${{ github.event.pull_request.base.sha || github.event.before }}": NULL_COMMIT}
VARIABLES = {"CI_COMMIT_BEFORE_SHA": NULL_COMMIT}


@dataclass(frozen=True)
class Step:
    """A shell command of a pipeline, and its environment variables."""

    command: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A pipeline job: steps that run in order on a fresh clone of the service."""

    name: str
    python: str
    steps: tuple[Step, ...]
    servers: tuple[str, ...] = ()  # host names of its service containers


def as_text(variables: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items()}


def evaluated(variables: Mapping[str, str]) -> dict[str, str]:
    """Replace GitHub's expressions by the values that they have on the first push."""
    return {name: EXPRESSIONS[value] if "${{" in value else value for name, value in variables.items()}


def runner_variables(command: str) -> dict[str, str]:
    """Return the variables that a command reads and the pipeline's runner sets."""
    return {name: value for name, value in VARIABLES.items() if name in command}


def github_jobs(text: str) -> Iterator[Job]:
    """Parse a GitHub workflow."""
    for name, job in yaml.safe_load(text)["jobs"].items():
        inputs = [step.get("with", {}) for step in job["steps"]]
        python = next((each["python-version"] for each in inputs if "python-version" in each), "")
        steps = [
            Step(line, evaluated(as_text(step.get("env", {}))))
            for step in job["steps"]
            if "if" not in step  # `if: failure()`
            for line in step.get("run", "").splitlines()
        ]
        yield Job(name, python, tuple(steps), tuple(job.get("services", {})))


def gitlab_jobs(text: str) -> Iterator[Job]:
    """Parse a GitLab pipeline, in which the names of hidden jobs begin with a dot."""
    described = yaml.safe_load(text)
    for name, job in described.items():
        if name in NOT_JOBS or name.startswith("."):
            continue
        merged = inherited(job, described)
        variables = {key: value for key, value in as_text(merged.get("variables", {})).items() if key not in SHARED}
        commands = [*merged.get("before_script", []), *merged["script"]]
        servers = [service["alias"] for service in merged.get("services", []) if isinstance(service, dict)]
        python = merged["image"].removeprefix("python:").partition("-")[0] if "python:" in merged["image"] else ""
        steps = [Step(command, variables | runner_variables(command)) for command in commands]
        yield Job(name, python, tuple(steps), tuple(servers))


def inherited(job: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """Resolve `extends` in a job by merging variables and replacing other keys."""
    base = described[job["extends"]] if "extends" in job else {}
    return {**base, **job, "variables": {**base.get("variables", {}), **job.get("variables", {})}}


def jobs(files: Mapping[str, str]) -> list[Job]:
    """Return the jobs of a service's pipelines."""
    parsers = {GITHUB: github_jobs, GITLAB: gitlab_jobs}
    return [job for path, parse in parsers.items() if path in files for job in parse(files[path])]
