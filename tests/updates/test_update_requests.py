"""Pipelines propose a template update as one pull or merge request; a rejected update fails the job."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.harness.combinations.copier_cli import run_command
from tests.harness.combinations.questions import all_questions
from tests.harness.delivery.formats import LINTERS, SCHEMAS
from tests.harness.findings import assert_no_findings, run
from tests.harness.updates.owner_repository import FIRST, NOTES, THIRD, Owner, change, create_service, create_template
from tests.harness.workspace import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.combinations.copier_cli import Run
    from tests.harness.combinations.questions import Answers
    from tests.harness.combinations.services import Service

pytestmark = pytest.mark.thorough

BRANCH = "template-update"
WORKFLOW, PIPELINE = ".github/workflows/template.yml", ".gitlab/template.yml"
SERVER = "https://gitlab.example.com"
SUBJECT = f"Update the template from {FIRST} to {THIRD}\n"
# `uv run slipway.py` runs the command itself; the service's checks, which are uv's other commands, pass.
UV = f"""\
#!/usr/bin/env bash
set -eu
[ "$1" = run ] && [ "$2" = slipway.py ] || exit 0
shift 2
exec {sys.executable} -P -m slipway "$@"
"""
GH = """\
#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$CALLED"
case "$1 $2" in "pr list") printf '%s' "$OPEN" ;; "pr edit" | "pr create") cp "${!#}" "$CALLED.body" ;; esac
"""
HOOK = """\
#!/usr/bin/env bash
for ((number = 0; number < GIT_PUSH_OPTION_COUNT; number++)); do
    option="GIT_PUSH_OPTION_$number"
    printf '%s\\n' "${!option}"
done >"$CALLED"
"""


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@dataclass
class Runner:
    """A pipeline runner with one repository, and stubs of unavailable programs."""

    home: Path
    template: Path
    open: str = ""  # the number of the open request

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def origin(self) -> Path:
        return self.home / "origin.git"

    @property
    def called(self) -> str:
        """The recorded calls to GitHub or GitLab, one per line."""
        path = self.home / "called"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def body(self) -> str:
        """The body of the pull or merge request."""
        body = self.home / "called.body"
        return body.read_text(encoding="utf-8") if body.exists() else self.called.replace("\\n", "\n")

    @property
    def summary(self) -> str:
        return (self.home / "summary").read_text(encoding="utf-8")

    @property
    def pushed(self) -> str:
        """The commit subjects of the pushed branch; empty if no branch was pushed."""
        return git(self.origin, "log", "--format=%s", f"--branches={BRANCH}*", "--not", "main")

    def variables(self) -> dict[str, str]:
        path = os.pathsep.join((str(self.home / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
        machine = {"PATH": path, "RUNNER_TEMP": str(self.home / "temp"), "GITHUB_RUN_ID": "1"}
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "CALLED": "called"}
        host = {"CI_SERVER_PROTOCOL": "https", "CI_SERVER_URL": SERVER, "CI_PROJECT_PATH": "acme/shop"}
        token = {"CI_JOB_TOKEN": "job", "TEMPLATE_TOKEN": "secret", "CI_DEFAULT_BRANCH": "main"}
        stub = {"OPEN": self.open, "GIT_CONFIG_GLOBAL": str(self.home / "gitconfig")}
        return (
            os.environ | machine | {name: str(self.home / file) for name, file in files.items()} | host | token | stub
        )

    def clone(self) -> None:
        """Create a new clone for a job; the cache of the previous job is restored."""
        cache = self.work / ".cache"
        if cache.exists():
            cache.rename(self.home / "cache")
        shutil.rmtree(self.work, ignore_errors=True)
        git(self.home, "clone", "--quiet", "--branch", "main", str(self.origin), str(self.work))
        if (self.home / "cache").exists():
            (self.home / "cache").rename(cache)

    def run(self, script: str, variables: dict[str, str]) -> Run:
        """Run a script with the variables that its pipeline and the host set."""
        literal = {name: value for name, value in variables.items() if "${{" not in value}
        return run_command(["bash", "-euo", "pipefail", "-c", script], self.work, self.variables() | literal, 120)


def github(described: dict[str, Any], runner: Runner) -> int:
    """Run both jobs as GitHub does: after a failed step, only steps with `if: always()` run."""
    for name, job in described["jobs"].items():
        output = runner.home / "output"
        if name == "propose" and not (output.exists() and "found=true" in output.read_text(encoding="utf-8")):
            continue
        runner.clone()
        failed = 0
        for step in [step for step in job["steps"] if "run" in step]:
            if not failed or step.get("if") == "always()":
                failed = runner.run(step["run"], step.get("env", {})).returncode or failed
        if failed:
            return failed
    return 0


def gitlab(described: dict[str, Any], runner: Runner) -> int:
    """Run both jobs as GitLab does: the second has the artifacts of the first."""
    for job in described.values():
        runner.clone()
        completed = runner.run("\n".join(job["script"]), job.get("variables", {}))
        (runner.home / "summary").write_text(completed.stdout, encoding="utf-8")
        if completed.returncode:
            return completed.returncode
    return 0


HOSTS: dict[str, tuple[str, Callable[[dict[str, Any], Runner], int]]] = {
    "github": (WORKFLOW, github),
    "gitlab": (PIPELINE, gitlab),
}


@pytest.fixture
def runner(empty: Path) -> Runner:
    """A pipeline runner whose repository is a service of the first release."""
    runner = Runner(empty, empty / "template")
    create_template(runner.template)
    for name, text in (("uv", UV), ("gh", GH)):
        write_program(empty / "bin" / name, text)
    owner = create_service(runner.template, runner.work)
    (owner / ".gitignore").write_text(".cache/\n.dev/\n", encoding="utf-8")
    owner.commit("Ignore")
    git(runner.work, "branch", "--force", "--move", "main")
    git(empty, "clone", "--quiet", "--bare", str(runner.work), str(runner.origin))
    for name, value in (("receive.advertisePushOptions", "true"), ("core.hooksPath", "hooks")):
        git(runner.origin, "config", name, value)
    write_program(runner.origin / "hooks" / "post-receive", HOOK)
    shutil.copy(os.environ["GIT_CONFIG_GLOBAL"], empty / "gitconfig")
    rewrite = f"url.{runner.origin.as_uri()}.insteadOf"
    git(empty, "config", "--file", "gitconfig", rewrite, "https://template:secret@gitlab.example.com/acme/shop.git")
    return runner


def push_edit(runner: Runner, path: str, old: str, new: str) -> None:
    """Edit the service and push it to the default branch."""
    owner = Owner(runner.home / "owner")
    if not owner.directory.exists():
        git(runner.home, "clone", "--quiet", "--branch", "main", str(runner.origin), str(owner.directory))
    owner.edit(path, old, new)
    git(owner.directory, "push", "--quiet", "origin", "main")


@pytest.fixture(params=HOSTS)
def pipeline(request: pytest.FixtureRequest, runner: Runner, serve: Callable[[Answers], Service]) -> Callable[[], int]:
    """Return a function that runs a host's pipeline and returns its exit code."""
    path, run_pipeline = HOSTS[request.param]
    file = serve(all_questions().default | {"ci": request.param}).files[path]
    described = yaml.safe_load(file.content)
    return lambda: run_pipeline(described, runner)


def test_pipeline_proposes_update_with_release_notes(pipeline: Callable[[], int], runner: Runner) -> None:
    assert pipeline() == 0
    assert runner.pushed == SUBJECT
    assert NOTES in runner.body
    assert '- `greeting`: `"hello"`' in runner.body
    assert SUBJECT.strip() in runner.called


def test_pipeline_proposes_update_without_template_tags(pipeline: Callable[[], int], runner: Runner) -> None:
    head = git(runner.template, "rev-parse", "--short=12", THIRD).strip()
    first = git(runner.template, "rev-parse", f"{FIRST}^{{commit}}").strip()
    push_edit(runner, ".copier-answers.yml", f"_commit: {FIRST}", f"_commit: {first}")
    git(runner.template, "tag", "--delete", *git(runner.template, "tag").split())
    assert pipeline() == 0
    assert runner.pushed == f"Update the template from {first} to {head}\n"


def test_pipeline_without_new_release_opens_no_request(pipeline: Callable[[], int], runner: Runner) -> None:
    push_edit(runner, ".copier-answers.yml", f"_commit: {FIRST}", f"_commit: {THIRD}")
    assert pipeline() == 0
    assert (runner.pushed, "pr" in runner.called, "merge_request" in runner.called) == ("", False, False)


def test_pipeline_with_rejected_update_fails_with_summary(pipeline: Callable[[], int], runner: Runner) -> None:
    push_edit(runner, "ci.yml", "checkout: 4", "checkout: ours")
    assert pipeline() == 1
    assert "ci.yml has a conflict" in runner.summary
    assert runner.pushed == ""


def test_pipeline_with_unavailable_template_fails_with_summary(pipeline: Callable[[], int], runner: Runner) -> None:
    runner.template.rename(runner.home / "elsewhere")
    assert pipeline() == 2
    assert "unavailable" in runner.summary
    assert runner.pushed == ""


def test_pipeline_does_not_push_conflict_markers(pipeline: Callable[[], int], runner: Runner) -> None:
    """Conflict markers in the first job's bundle are found before the second job pushes it."""
    markers = r"<<<<<<< before updating\n=======\n>>>>>>> after updating\n"
    tampering = f"""\
git switch --quiet {BRANCH} && printf '{markers}' >>ci.yml && git commit --quiet --all --message Markers
for last; do true; done
git bundle create --quiet "$last/update.bundle" "HEAD~2..{BRANCH}"
"""
    stub = UV.replace("exec ", "") + tampering
    write_program(runner.home / "bin" / "uv", stub)
    assert pipeline() == 1
    assert runner.pushed == ""


def test_pipeline_updates_open_request(pipeline: Callable[[], int], runner: Runner) -> None:
    assert pipeline() == 0
    runner.open = "7"
    change(runner.template / "template" / "ci.yml", "checkout: 5", "checkout: 6")
    commit(runner.template, "v2.1.0")
    assert pipeline() == 0
    assert runner.pushed == SUBJECT.replace(THIRD, "v2.1.0")
    assert "checkout: 6" in git(runner.origin, "show", f"{BRANCH}:ci.yml")
    assert "pr edit 7" in runner.called or "merge_request.create" in runner.called


def test_pipeline_does_not_overwrite_commits_by_others(pipeline: Callable[[], int], runner: Runner) -> None:
    assert pipeline() == 0
    somewhere = runner.home / "somewhere"
    git(runner.home, "clone", "--quiet", "--branch", BRANCH, str(runner.origin), str(somewhere))
    git(somewhere, "commit", "--allow-empty", "--message", "Fix it")
    git(somewhere, "push", "--quiet")
    assert pipeline() == 1
    assert runner.pushed.startswith("Fix it\n")


def test_template_update_pipeline_passes_linters(serve: Callable[[Answers], Service], tmp_path: Path) -> None:
    for host, (path, _) in HOSTS.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_bytes(serve(all_questions().default | {"ci": host}).files[path].content)
        pattern = f"/{path.rpartition('/')[0]}/*.yml"
        assert_no_findings(run("check-jsonschema", *SCHEMAS[pattern], file))
    for name in ("actionlint", "zizmor"):
        assert_no_findings(run(name, *LINTERS[name].arguments, tmp_path / WORKFLOW))


def test_pipeline_prepare_job_has_no_write_token(serve: Callable[[Answers], Service]) -> None:
    jobs = yaml.safe_load(serve(all_questions().default).files[WORKFLOW].content)["jobs"]
    assert jobs["prepare"]["permissions"] == {"contents": "read"}
    assert "TEMPLATE_TOKEN" not in json.dumps(jobs["prepare"])
    assert [step["run"] for step in jobs["propose"]["steps"] if "uv run" in step.get("run", "")] == []
